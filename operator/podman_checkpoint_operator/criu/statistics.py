"""CRIU's own measurements: the images ``stats-dump`` and ``stats-restore``.

Each holds two magic numbers (``criu/include/magic.h``: images of the service, statistics), a length
and one protobuf message ``stats_entry`` (``images/stats.proto``), whose fields are all unsigned
integers in two nested messages.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from .protobuf import Message

_HEADER: Final = struct.Struct("<III")
_SERVICE_MAGIC: Final = 0x55105940
_STATS_MAGIC: Final = 0x57093306
_DUMP, _RESTORE = 1, 2


@dataclass(frozen=True, kw_only=True)
class DumpStatistics:
    """How a dump went; times in microseconds, as CRIU counts them.

    Attributes:
        freezing_time: until all tasks stood still.
        frozen_time: from then until they went on or were ended.
        memdump_time: collecting memory from the tasks.
        memwrite_time: writing it to the images.
        pages_scanned: pages of memory that were looked at.
        pages_skipped_parent: pages left out, since an earlier checkpoint has them.
        pages_written: pages in the images.
    """

    freezing_time: int
    frozen_time: int
    memdump_time: int
    memwrite_time: int
    pages_scanned: int
    pages_skipped_parent: int
    pages_written: int


@dataclass(frozen=True, kw_only=True)
class RestoreStatistics:
    """How a restore went; times in microseconds.

    Attributes:
        pages_compared: pages compared with those of the parent process.
        pages_skipped_cow: pages shared with the parent process.
        forking_time: making the processes.
        restore_time: the whole restore.
        pages_restored: pages read from the images.
    """

    pages_compared: int
    pages_skipped_cow: int
    forking_time: int
    restore_time: int
    pages_restored: int


def decode_dump(image: bytes) -> DumpStatistics:
    """Decode ``stats-dump``.

    Raises:
        ValueError: if it is no such image, or is damaged.
    """
    fields = _decode(image, _DUMP)
    return DumpStatistics(
        freezing_time=fields.integer(1),
        frozen_time=fields.integer(2),
        memdump_time=fields.integer(3),
        memwrite_time=fields.integer(4),
        pages_scanned=fields.integer(5),
        pages_skipped_parent=fields.integer(6),
        pages_written=fields.integer(7),
    )


def decode_restore(image: bytes) -> RestoreStatistics:
    """Decode ``stats-restore``.

    Raises:
        ValueError: if it is no such image, or is damaged.
    """
    fields = _decode(image, _RESTORE)
    return RestoreStatistics(
        pages_compared=fields.integer(1),
        pages_skipped_cow=fields.integer(2),
        forking_time=fields.integer(3),
        restore_time=fields.integer(4),
        pages_restored=fields.integer(5),
    )


def _decode(image: bytes, which: int) -> Message:
    if len(image) < _HEADER.size:
        raise ValueError("the statistics image is shorter than its header")
    service, kind, length = _HEADER.unpack_from(image)
    if (service, kind) != (_SERVICE_MAGIC, _STATS_MAGIC):
        raise ValueError("this is no statistics image of CRIU: its magic numbers differ")
    entry = image[_HEADER.size : _HEADER.size + length]
    if len(entry) != length:
        raise ValueError("the statistics image is truncated")
    try:
        statistics = Message(entry)
        if which in statistics:
            return statistics.message(which)
    except ValueError as error:
        raise ValueError(f"the statistics image is damaged: {error}") from error
    raise ValueError("the statistics image is of the other operation")
