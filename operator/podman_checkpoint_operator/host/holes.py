"""Makes the holes of sparse files anew, where a restore has written zeros.

A range is given back to the file system only if every byte of it is zero at that moment, so that
the file says the same before and after. Nobody may write in between: the container's processes
must be held still. What they have asked the kernel for before that is waited for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Final

from ..decisions.facts import Extent, SparseFile

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_KEEP_SIZE: Final = 1
_PUNCH_HOLE: Final = 2
_CAPABILITY: Final = "security.capability"
_CHUNK: Final = 4 << 20
_BLOCK: Final = 4096
_NOT_THIS_ONE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ETXTBSY, errno.EPERM}
)
"""It has been replaced, or is a program that runs, or must not be changed."""


def make_holes(root: Path, files: Iterable[SparseFile]) -> Iterator[None]:
    """Make the holes of files; each step of the iteration needs that nobody writes to them.

    Files that are not there any more or have capabilities, and ranges that have content, are left
    as they are.

    Args:
        root: the tree that the files' names are relative to.
        files: and where they had holes.

    Raises:
        OSError: the file system has no holes, or fails.
    """
    chunk = _Chunk()
    for file in files:
        for start, length in file.holes:
            yield from _make(root, os.fsencode(file.name), start, start + length, chunk)


class _Chunk:
    """A part of a file, in memory that is there once."""

    def __init__(self) -> None:
        self._data = bytearray(_CHUNK)
        self._zeros = bytes(_CHUNK)

    def read(self, file: int, start: int, count: int) -> list[Extent]:
        """Read a part, and return what of it is zero, in blocks."""
        end = os.preadv(file, [memoryview(self._data)[:count]], start)
        if end and self._is_zero(0, end):
            return [(start, end)]
        found = []
        for zero, group in groupby(
            range(0, end, _BLOCK), lambda block: self._is_zero(block, min(block + _BLOCK, end))
        ):
            blocks = list(group)
            if zero:
                found.append((start + blocks[0], min(blocks[-1] + _BLOCK, end) - blocks[0]))
        return found

    def _is_zero(self, begin: int, end: int) -> bool:
        return self._data.startswith(memoryview(self._zeros)[: end - begin], begin)


def _make(root: Path, name: bytes, start: int, end: int, chunk: _Chunk) -> Iterator[None]:
    """Make one hole, a chunk with each step. The file is opened anew: it may be another by then."""
    while start < end:
        with _opened(root, name) as file:
            if file is None:
                return
            try:
                start = os.lseek(file, start, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return  # it has no more data
            if start >= end:
                return
            _give_back(file, start, min(_CHUNK, end - start), chunk)
            start += _CHUNK
        yield


def _give_back(file: int, start: int, count: int, chunk: _Chunk) -> None:
    """Make holes of what is zero, and leave no trace of that in the file's times."""
    status = os.fstat(file)
    # Reserving what is there changes nothing, but is done after what is under way directly, and
    # asynchronously, between the container's memory and the disk.
    _allocate(file, _KEEP_SIZE, start, 1)
    for begin, length in chunk.read(file, start, count):
        # The last block of a file is given back only as a whole.
        beyond = -status.st_size % _BLOCK if begin + length == status.st_size else 0
        _allocate(file, _KEEP_SIZE | _PUNCH_HOLE, begin, length + beyond)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def _allocate(file: int, mode: int, start: int, length: int) -> None:
    if _LIBC.fallocate(file, mode, ctypes.c_int64(start), ctypes.c_int64(length)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def _opened(root: Path, name: bytes) -> Iterator[int | None]:
    """Open a regular file below a root, never through a link."""
    with ExitStack() as opened:
        file = None
        try:
            file = _open(root, name, opened)
        except OSError as error:
            if error.errno not in _NOT_THIS_ONE:
                raise
        yield file


def _open(root: Path, name: bytes, opened: ExitStack) -> int | None:
    place = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    opened.callback(os.close, place)
    for each in name.split(b"/"):
        place = os.open(each, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
        opened.callback(os.close, place)
    if not stat.S_ISREG(os.fstat(place).st_mode):
        return None
    file = os.open(f"/proc/self/fd/{place}", os.O_RDWR | os.O_CLOEXEC)
    opened.callback(os.close, file)
    # The kernel takes capabilities with every change; put back, they would be gone for a moment.
    return None if _CAPABILITY in os.listxattr(file) else file
