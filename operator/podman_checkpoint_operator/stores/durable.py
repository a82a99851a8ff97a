"""Files that have their name only when their content is on the disk, and names that are as well."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def publish(descriptor: int, partial: Path, final: Path) -> None:
    """Make a written file durable and give it its final name, in the same directory.

    Raises:
        FileExistsError: The name is taken; what has it is left alone.
        OSError: Another failed system call.
    """
    os.fsync(descriptor)
    _rename_without_replacing(partial, final)
    sync_directory(final.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_without_replacing(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # A file system without hard links. Names carry the UID of their resource, so nobody else
        # wants this one between the check and the rename.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        source.rename(target)
    else:
        source.unlink()
