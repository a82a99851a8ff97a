"""Configuration files of the host that others edit as well: read, replaced, removed."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from .files import below, sync_directory

_MAX_LINKS: Final = 40


def read(root: Path, path: Path) -> bytes | None:
    """Return a file's content; None if there is no such file."""
    with suppress(FileNotFoundError):
        return _real(root, path).read_bytes()
    return None


def replace(root: Path, path: Path, content: bytes) -> None:
    """Give a file new content so that whoever reads it sees the old or the new one, whole.

    Mode, owner and labels stay. A new file can be read by everybody, as configuration is, and its
    folder is made if needed. Where the file is a symbolic link, what it points to is replaced.
    """
    file = _real(root, path)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.podman-checkpoint")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode=0o600
    )
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            _take_after(file, temporary, descriptor)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(file)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(file.parent)


def remove(root: Path, path: Path) -> None:
    """Remove a file, durably."""
    file = _real(root, path)
    file.unlink(missing_ok=True)
    sync_directory(file.parent)


def _take_after(file: Path, temporary: Path, descriptor: int) -> None:
    try:
        status = file.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644)
        return
    os.fchown(descriptor, status.st_uid, status.st_gid)
    shutil.copystat(file, temporary)
    os.utime(temporary)


def _real(root: Path, path: Path) -> Path:
    """Follow a symbolic link as the host would: an absolute target starts at the host's root."""
    for _ in range(_MAX_LINKS):
        file = below(root, path)
        if not file.is_symlink():
            return file
        path = Path(os.path.normpath(path.parent / file.readlink()))
    raise OSError(f"{path}: too many symbolic links")
