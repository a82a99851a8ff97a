"""An exact copy of a directory tree, made while the container is frozen.

The copy holds still while the container goes on, so that the archive can be written from it at
leisure. It is a copy of the raw layer: overlay whiteouts (character devices 0:0) and the overlay's
extended attributes are part of it and are interpreted only later, by :mod:`.overlay`.

A volume may be shared with containers that are not frozen. Everything is therefore opened relative
to its directory and never through a symlink: nobody can lead the copy out of the tree.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..decisions.failures import displayed, from_os_error
from . import xattrs
from .copying import ContentCopier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOURCE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TARGET: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class CaptureStatistics:
    """What a capture copied.

    Attributes:
        files: Entries other than directories; hard links count once per name.
        directories: Directories without the root.
        size_bytes: Content of regular files, holes included.
        reflinked: The file system shared the blocks of at least one file instead of copying them.
    """

    files: int
    directories: int
    size_bytes: int
    reflinked: bool


def capture_tree(source: Path, target: Path) -> CaptureStatistics:
    """Copy a tree exactly: links, owners, modes, times, holes, extended attributes, special files.

    Args:
        source: A directory.
        target: The copy; it must not exist, and its parent must.

    Raises:
        OperationFailed: Something could not be copied. What was copied stays; delete it.
    """
    _allow_open_files()
    capture = _Capture()
    try:
        with contextlib.ExitStack() as opened:
            source_fd = os.open(source, _DIRECTORY & ~os.O_NOFOLLOW)
            opened.callback(os.close, source_fd)
            os.mkdir(target, 0o700)
            target_fd = os.open(target, _DIRECTORY)
            opened.callback(os.close, target_fd)
            capture.tree(source_fd, target_fd)
    except OSError as error:
        raise from_os_error(error, f"copy {displayed(source)} to {displayed(target)}") from error
    return CaptureStatistics(
        files=capture.files,
        directories=capture.directories,
        size_bytes=capture.contents.cloned_bytes + capture.contents.copied_bytes,
        reflinked=capture.contents.cloned_bytes > 0,
    )


def capture_file(source: Path, target: Path) -> None:
    """Copy a single file as exactly.

    Args:
        source: A regular file.
        target: The copy, of the same name; it must not exist, and its parent must.

    Raises:
        OperationFailed: It could not be copied.
    """
    try:
        source_fd = os.open(source.parent, _DIRECTORY & ~os.O_NOFOLLOW)
        try:
            target_fd = os.open(target.parent, _DIRECTORY)
            try:
                _Capture().regular(source_fd, target_fd, source.name)
            finally:
                os.close(target_fd)
        finally:
            os.close(source_fd)
    except (OSError, _VanishedError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        assert isinstance(cause, OSError)
        raise from_os_error(cause, f"copy {displayed(source)} to {displayed(target)}") from error


def sync_tree(root: Path) -> None:
    """Make everything written to a tree's file system durable (``syncfs``).

    Call it before a journal says that the capture is complete.

    Raises:
        OperationFailed: The device reported an error; the capture is not safe.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
        try:
            if libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), os.fspath(root))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(error, f"write {displayed(root)} to the disk") from error


class _VanishedError(Exception):
    """An entry was deleted between being listed and being opened."""


@contextlib.contextmanager
def _vanishing() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _VanishedError from error


@dataclass(slots=True)
class _Level:
    """A directory that is being copied: open on both sides, and what is still to be done."""

    source: int
    target: int
    names: list[str]

    def close(self) -> None:
        os.close(self.source)
        os.close(self.target)


class _Capture:
    """One run: what was counted, and the first name of each file that has several."""

    def __init__(self) -> None:
        self.contents = ContentCopier()
        self.files = 0
        self.directories = 0
        self._links: dict[tuple[int, int], str] = {}
        self._root_fd = -1
        self._path: list[str] = []

    def tree(self, source: int, target: int) -> None:
        """Fill the new directory ``target`` like ``source``.

        Not by recursion: trees are deeper than Python lets functions call each other.
        """
        self._root_fd = target
        levels = [_Level(source, target, os.listdir(source))]
        try:
            while levels:
                level = levels[-1]
                if level.names:
                    self._path.append(level.names.pop())
                    below = self._entry(level, self._path[-1])
                    if below is not None:
                        levels.append(below)
                        continue
                else:
                    _copy_metadata(level.source, level.target)
                    levels.pop()
                    if levels:
                        level.close()
                if levels:
                    self._path.pop()
        finally:
            for level in levels[1:]:
                level.close()

    def _entry(self, level: _Level, name: str) -> _Level | None:
        """Copy one entry; return the directory that it begins."""
        # Only in a shared volume can anything be gone since it was listed.
        with contextlib.suppress(_VanishedError):
            with _vanishing():
                status = os.stat(name, dir_fd=level.source, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                return self._subdirectory(level, name)
            self._file(level, name, status)
        return None

    def _subdirectory(self, level: _Level, name: str) -> _Level:
        with _vanishing():
            child = os.open(name, _DIRECTORY, dir_fd=level.source)
        try:
            with _vanishing():
                names = os.listdir(child)
            os.mkdir(name, 0o700, dir_fd=level.target)
            copy = os.open(name, _DIRECTORY, dir_fd=level.target)
        except BaseException:
            os.close(child)
            raise
        self.directories += 1
        return _Level(child, copy, names)

    def _file(self, level: _Level, name: str, status: os.stat_result) -> None:
        source, target = level.source, level.target
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and (first := self._links.get(key)):
            os.link(first, name, src_dir_fd=self._root_fd, dst_dir_fd=target, follow_symlinks=False)
        elif stat.S_ISREG(status.st_mode):
            self.regular(source, target, name)
        else:
            self._special(source, target, name, status)
        self.files += 1
        if status.st_nlink > 1:
            self._links.setdefault(key, "/".join(self._path))

    def regular(self, source: int, target: int, name: str) -> None:
        """Copy a regular file from one directory to another."""
        with _vanishing():
            original = os.open(name, _SOURCE, dir_fd=source)
        try:
            status = os.fstat(original)
            copy = os.open(name, _TARGET, 0o600, dir_fd=target)
            try:
                self.contents.copy(source=original, target=copy, status=status)
                # This order: a change of the owner clears the set-user-ID bit and capabilities.
                _apply_owner(copy, status)
                os.fchmod(copy, stat.S_IMODE(status.st_mode))
                if attributes := xattrs.read(original):
                    xattrs.write(copy, attributes)
                os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            finally:
                os.close(copy)
        finally:
            os.close(original)

    def _special(self, source: int, target: int, name: str, status: os.stat_result) -> None:
        """Copy a symlink, FIFO, socket or device; whiteouts are devices too."""
        if stat.S_ISLNK(status.st_mode):
            with _vanishing():
                destination = os.readlink(name, dir_fd=source)
            os.symlink(destination, name, dir_fd=target)
        else:
            os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
        copied = os.stat(name, dir_fd=target, follow_symlinks=False)
        if (copied.st_uid, copied.st_gid) != (status.st_uid, status.st_gid):
            os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
        # No call sets the mode or an attribute of a file that cannot be opened, relative to a
        # directory; the detour through /proc does it without following a symlink.
        path = f"/proc/self/fd/{target}/{name}"
        if not stat.S_ISLNK(status.st_mode):
            os.chmod(path, stat.S_IMODE(status.st_mode))
        if attributes := xattrs.read(f"/proc/self/fd/{source}/{name}"):
            xattrs.write(path, attributes)
        os.utime(
            name,
            ns=(status.st_atime_ns, status.st_mtime_ns),
            dir_fd=target,
            follow_symlinks=False,
        )


def _copy_metadata(source: int, target: int) -> None:
    """Give a directory that is complete the metadata of its original."""
    status = os.fstat(source)
    _apply_owner(target, status)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    xattrs.write(target, xattrs.read(source))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _allow_open_files() -> None:
    """Let this process open as many files as it may: two for each directory above another."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _apply_owner(descriptor: int, status: os.stat_result) -> None:
    current = os.fstat(descriptor)
    if (current.st_uid, current.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(descriptor, status.st_uid, status.st_gid)
