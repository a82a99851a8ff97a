"""Files of the host: durable writes, sizes and free space."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def below(root: Path, path: Path) -> Path:
    """Return where the agent sees a path of the host."""
    return root / path.relative_to("/")


def replace_file(path: Path, content: bytes, *, mode: int) -> None:
    """Replace a file so that after a crash the old or the new content is there, whole."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        error.filename = str(path)  # a write does not tell where there is no room
        raise
    temporary.rename(path)
    sync_directory(path.parent)


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file by a JSON object, as :func:`replace_file`, in a folder that is the agent's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, json.dumps(content).encode(), mode=0o600)


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file; None as of :func:`read_as`."""
    return read_as(path, dict)


def read_as(path: Path, made_of: Callable[[dict[str, Any]], _T]) -> _T | None:
    """Return what is made of the JSON object in a file.

    None if there is no such file, or it is damaged or of another shape, which is reported.
    """
    try:
        content = json.loads(path.read_text())
        if not isinstance(content, dict):
            raise TypeError("no JSON object")
        return made_of(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError) as error:
        logger.warning("unreadable file", extra={"path": str(path), "error": repr(error)})
        return None


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_systems(paths: Iterable[Path]) -> None:
    """Write everything that is cached for the file systems of these paths, each once.

    Neither CRIU nor Podman syncs what it writes; until this returns, a power cut would take it.
    Sockets, pipes and devices hold nothing to write, and opening one may block or do something.
    """
    seen: set[int] = set()
    for path in paths:
        if not path.is_dir() and not path.is_file():
            continue
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                device = os.fstat(descriptor).st_dev
                if device not in seen and _LIBC.syncfs(descriptor):
                    code = ctypes.get_errno()
                    raise OSError(code, os.strerror(code), str(path))
                seen.add(device)
            finally:
                os.close(descriptor)


def tree_bytes(path: Path) -> int:
    """Return the bytes that a tree occupies on disk, not counting what cannot be read."""
    total = path.lstat().st_blocks * 512 if path.is_file() else 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return total


def room(path: Path) -> tuple[int, int]:
    """Return the bytes that can be written at a path, which need not exist yet, and its device."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free, existing.stat().st_dev


def remove_tree(path: Path) -> None:
    """Remove a file or a tree, if it is there."""
    if path.is_dir() and not path.is_symlink():
        # Before Python 3.13 it calls itself for each level, of which a path has up to 2048.
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
