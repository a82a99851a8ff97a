"""Copies of file contents, as fast as the file system allows: sharing blocks, or in the kernel.

Used while the container is frozen, so the time counts. Holes stay holes.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Final

from .extents import data_extents

FICLONE: Final = 0x40049409
_SMALL: Final = 16 * 1024
_CHUNK: Final = 8 * 1024 * 1024
_CANNOT_CLONE_HERE: Final = frozenset(
    {errno.EOPNOTSUPP, errno.EXDEV, errno.ENOTTY, errno.EINVAL, errno.ENOSYS}
)
_CANNOT_COPY_IN_KERNEL: Final = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EPERM}
)


class ContentCopier:
    """Copies many files from one file system to another, remembering what works between them."""

    def __init__(self) -> None:
        self._may_clone = True
        self._may_copy_in_kernel = True
        self.cloned_bytes = 0
        self.copied_bytes = 0

    def copy(self, *, source: int, target: int, status: os.stat_result) -> None:
        """Copy one regular file.

        Args:
            source: Descriptor of the file, open for reading, at its start.
            target: Descriptor of a new, empty file, open for writing.
            status: ``fstat`` of the source; bytes beyond its size are left out.
        """
        size = status.st_size
        if size == 0:
            return
        # st_blocks is also small for data that is still in memory only, so asking costs one call
        # more at worst.
        sparse = status.st_blocks * 512 < size
        if size <= _SMALL and not sparse:
            _read_and_write(source, target, start=0, end=size)
        elif self._clone(source, target):
            # A shared volume may have grown since fstat.
            if os.fstat(target).st_size != size:
                os.ftruncate(target, size)
            self.cloned_bytes += size
            return
        elif sparse:
            self._copy_extents(source, target, size)
        else:
            self._copy_range(source, target, start=0, end=size)
        self.copied_bytes += size

    def _clone(self, source: int, target: int) -> bool:
        if not self._may_clone:
            return False
        try:
            fcntl.ioctl(target, FICLONE, source)
        except OSError as error:
            if error.errno in _CANNOT_CLONE_HERE:
                self._may_clone = False
            elif error.errno not in (errno.EPERM, errno.ETXTBSY, errno.EBADF):
                raise
            return False
        return True

    def _copy_extents(self, source: int, target: int, size: int) -> None:
        for start, length in data_extents(source, size):
            self._copy_range(source, target, start=start, end=start + length)
        os.ftruncate(target, size)

    def _copy_range(self, source: int, target: int, *, start: int, end: int) -> None:
        offset = start
        while self._may_copy_in_kernel and offset < end:
            try:
                count = os.copy_file_range(source, target, end - offset, offset, offset)
            except OSError as error:
                if error.errno not in _CANNOT_COPY_IN_KERNEL:
                    raise
                self._may_copy_in_kernel = False
                break
            if count == 0:
                break  # cut meanwhile (a shared volume), or a file system that only pretends
            offset += count
        if offset < end:
            _read_and_write(source, target, start=offset, end=end)


def _read_and_write(source: int, target: int, *, start: int, end: int) -> None:
    offset = start
    while offset < end:
        data = os.pread(source, min(_CHUNK, end - offset), offset)
        if not data:
            return
        view = memoryview(data)
        while view:
            count = os.pwrite(target, view, offset)
            view, offset = view[count:], offset + count
