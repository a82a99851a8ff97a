"""Lays a tar of an archive down as files, exactly: what Podman does for volumes.

The tar may come from anywhere. Nothing is written but below the target: every name's directory must
have been made by the same tar, so that no link in it can lead out.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, Final

from . import xattrs
from .tarwalk import corrupt

_CHUNK: Final = 1 << 20
_HOLE: Final = 1 << 12
_ZEROS: Final = bytes(_HOLE)
_XATTR: Final = "SCHILY.xattr."
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def lay_members(plain: Iterable[bytes], targets: Mapping[str, Path]) -> None:
    """Lay members of an archive down, and read the archive to its end.

    Args:
        plain: the archive's tar.
        targets: where each member's tree or file is to be; nothing is there yet.

    Raises:
        OperationFailed: the archive does not hold what it should.
        OSError: it cannot be written.
    """
    pieces = iter(plain)
    found: set[str] = set()
    with _open(_Pulled(pieces)) as archive:
        for member in archive:
            target = targets.get(member.name)
            content = archive.extractfile(member) if target is not None else None
            if target is not None and content is not None:
                with content, _open(content) as tree:
                    lay(tree, target)
                found.add(member.name)
    for _ in pieces:
        pass  # whose end tells whether all of it was good
    if missing := set(targets) - found:
        raise corrupt(f"{min(missing)} is missing")


def lay(tree: tarfile.TarFile, target: Path) -> None:
    """Lay one tree down, or one file, if the tar holds nothing else."""
    directories: dict[str, tarfile.TarInfo] = {}
    others: set[str] = set()
    for info in tree:
        name = info.name.strip("/")
        path = target / name if directories else target
        folder = os.path.dirname(name)
        if (directories and (folder not in directories or not name)) or ".." in name.split("/"):
            raise corrupt(f"{info.name!r} is out of place")
        if info.isdir():
            path.mkdir(0o700)
            directories[name] = info
            continue
        if others and not directories:
            raise corrupt(f"{info.name!r} follows the only file")
        if info.islnk():
            if info.linkname not in others:
                raise corrupt(f"{info.linkname!r} is no file that another can be a link to")
            os.link(target / info.linkname, path, follow_symlinks=False)
        else:
            _make(tree, info, path)
        others.add(name)
    # The deepest first: what is made in a directory changes its time.
    for name, info in reversed(directories.items()):
        _finish(target / name if name else target, info)
    if not directories and not others:
        raise corrupt("a bind mount is empty")


def _make(tree: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> None:
    if info.issym():
        path.symlink_to(info.linkname)
    elif info.isfifo():
        os.mkfifo(path)
    elif info.ischr() or info.isblk():
        kind = stat.S_IFCHR if info.ischr() else stat.S_IFBLK
        os.mknod(path, kind | 0o600, os.makedev(info.devmajor, info.devminor))
    else:
        content = tree.extractfile(info)
        if content is None:
            raise corrupt(f"{info.name!r} is of an unknown kind")
        with open(os.open(path, _NEW_FILE, 0o600), "wb", buffering=0) as file, content:
            _write_sparse(content, file)
    _finish(path, info)


def _write_sparse(content: IO[bytes], file: io.FileIO) -> None:
    """Write a file; blocks of zeros become holes, as they were in a sparse file."""
    while chunk := content.read(_CHUNK):
        for start in range(0, len(chunk), _HOLE):
            block = chunk[start : start + _HOLE]
            if block == _ZEROS[: len(block)]:
                file.seek(len(block), os.SEEK_CUR)
            else:
                _write_all(file, block)
    file.truncate()


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def _finish(path: Path, info: tarfile.TarInfo) -> None:
    """Give a file its metadata, the owner first: a change of it clears modes and attributes."""
    os.chown(path, info.uid, info.gid, follow_symlinks=False)
    if not info.issym():
        path.chmod(info.mode)
    xattrs.write(
        os.fspath(path),
        {
            name.removeprefix(_XATTR): value.encode("utf-8", "surrogateescape")
            for name, value in info.pax_headers.items()
            if name.startswith(_XATTR)
        },
    )
    modified = int(Decimal(info.pax_headers.get("mtime", int(info.mtime))).scaleb(9))
    os.utime(path, ns=(modified, modified), follow_symlinks=False)


def _open(source: _Pulled | IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(
        fileobj=source, mode="r|", encoding="utf-8", errors="surrogateescape", bufsize=_CHUNK
    )


class _Pulled(io.BytesIO):
    """Pieces, read as from a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, or what is left."""
        wanted = _CHUNK if size is None or size < 0 else size
        parts = []
        while wanted:
            if not self._rest:
                self._rest = memoryview(next(self._pieces, b""))
                if not self._rest:
                    break
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)
