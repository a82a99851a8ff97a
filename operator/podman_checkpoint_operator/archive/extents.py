"""Extents of sparse files: which of their parts are data, and which are holes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

from ..decisions.facts import Extent

MOST_EXTENTS: Final = 24_000
"""Of one file. The list of them in a tar may have 1 MiB, or Podman does not read it."""

_SMALLEST_FILLED: Final = 4096

Extents = tuple[Extent, ...]


def data_extents(descriptor: int, size: int) -> Iterator[Extent]:
    """Yield the parts of a file that are not holes, in order."""
    offset = 0
    while offset < size:
        try:
            start = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole up to the end
        offset = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        if start >= offset:
            return
        yield start, offset - start


def stored_extents(path: bytes, status: os.stat_result) -> Extents:
    """Return the parts of a regular file that go into a tar; the smallest holes may be filled."""
    size = status.st_size
    if status.st_blocks * 512 >= size:
        return ((0, size),) if size else ()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = tuple(data_extents(descriptor, size))
    finally:
        os.close(descriptor)
    fill = _SMALLEST_FILLED
    while len(found) > MOST_EXTENTS:
        found, fill = _filled(found, fill), 2 * fill
    return found


def holes(extents: Extents, size: int) -> Extents:
    """Return what is between the extents of a file."""
    found, offset = [], 0
    for start, length in (*extents, (size, 0)):
        if start > offset:
            found.append((offset, start - offset))
        offset = start + length
    return tuple(found)


def _filled(extents: Extents, fill: int) -> Extents:
    """Join extents that are not further apart than that."""
    joined: list[Extent] = []
    for start, length in extents:
        if joined and start - sum(joined[-1]) <= fill:
            joined[-1] = (joined[-1][0], start + length - joined[-1][0])
        else:
            joined.append((start, length))
    return tuple(joined)
