"""CRIU's own measurements: the images ``stats-dump`` and ``stats-restore``.

Each holds two magic numbers (``criu/include/magic.h``: images of the service, statistics), a length
and one protobuf message ``stats_entry`` (``images/stats.proto``). Its fields are all unsigned
integers in two nested messages: too little for a protobuf library.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER: Final = struct.Struct("<III")
_SERVICE_MAGIC: Final = 0x55105940
_STATS_MAGIC: Final = 0x57093306
_DUMP, _RESTORE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


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
        freezing_time=fields.get(1, 0),
        frozen_time=fields.get(2, 0),
        memdump_time=fields.get(3, 0),
        memwrite_time=fields.get(4, 0),
        pages_scanned=fields.get(5, 0),
        pages_skipped_parent=fields.get(6, 0),
        pages_written=fields.get(7, 0),
    )


def decode_restore(image: bytes) -> RestoreStatistics:
    """Decode ``stats-restore``.

    Raises:
        ValueError: if it is no such image, or is damaged.
    """
    fields = _decode(image, _RESTORE)
    return RestoreStatistics(
        pages_compared=fields.get(1, 0),
        pages_skipped_cow=fields.get(2, 0),
        forking_time=fields.get(3, 0),
        restore_time=fields.get(4, 0),
        pages_restored=fields.get(5, 0),
    )


def _decode(image: bytes, which: int) -> dict[int, int]:
    if len(image) < _HEADER.size:
        raise ValueError("the statistics image is shorter than its header")
    service, kind, length = _HEADER.unpack_from(image)
    if (service, kind) != (_SERVICE_MAGIC, _STATS_MAGIC):
        raise ValueError("this is no statistics image of CRIU: its magic numbers differ")
    entry = image[_HEADER.size : _HEADER.size + length]
    if len(entry) != length:
        raise ValueError("the statistics image is truncated")
    for number, value in _fields(entry):
        if number == which and isinstance(value, bytes):
            return {key: item for key, item in _fields(value) if isinstance(item, int)}
    raise ValueError("the statistics image is of the other operation")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _BYTES:
            size, at = _varint(message, at)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError(f"the statistics image has a field of unknown wire type {wire_type}")
        if at + size > len(message):
            raise ValueError("a field of the statistics image is truncated")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return an integer of 7 bits a byte, the lowest first, and where it ends."""
    value = 0
    for position, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, at + position + 1
    raise ValueError("an integer of the statistics image is truncated")
