"""Tar headers, and tars of whole trees whose size is known before the first byte is written.

``rootfs-diff.tar`` and the volumes are tars inside the archive's tar, and a member's header carries
its size. A tree is therefore walked twice, once to add up sizes and once to write, instead of being
written to a temporary file first. Both walks see the same, since the tree is a private copy.
"""

from __future__ import annotations

import os
import stat
import tarfile
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, displayed, from_os_error
from . import xattrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from .entries import Entry

BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)
"""Two blocks of zeros end a tar."""

_CHUNK: Final = 1024 * 1024
_MAX_EXTENDED_HEADER: Final = 1024 * 1024
"""Podman refuses longer ones."""

_TYPES: Final = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}

Buffer = bytes | memoryview


def padding(size: int) -> int:
    """Return how many zeros fill the last block of a member."""
    return -size % BLOCK


def member_header(
    name: str, size: int, *, directory: bool = False, link: str = "", mtime_ns: int = 0
) -> bytes:
    """Return the header of a member of the archive itself: private to root, as Podman's are."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if directory else tarfile.SYMTYPE if link else tarfile.REGTYPE
    info.linkname = link
    info.mode = 0o700 if directory else 0o600
    info.size = size
    info.pax_headers = _exact_mtime(info, mtime_ns)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


class TreeTar:
    """A tar of files, as a stream.

    Args:
        entries: Lists the files; called once per walk, it must list the same each time.
    """

    def __init__(self, entries: Callable[[], Iterable[Entry]]) -> None:
        self._entries = entries

    def size(self) -> int:
        """Return the length of the whole tar in bytes.

        Raises:
            OperationFailed: A file cannot be read, or cannot be expressed.
        """
        return sum(len(header) + size + padding(size) for header, size, _ in self._members()) + len(
            END
        )

    def chunks(self) -> Iterator[Buffer]:
        """Yield the tar piece by piece; a piece is valid until the next is asked for."""
        for header, size, content in self._members():
            yield header
            if content is not None:
                yield from file_chunks(content, size)
            yield bytes(padding(size))
        yield END

    def _members(self) -> Iterator[tuple[bytes, int, bytes | None]]:
        """Yield header, size and the file with the content of each entry."""
        links: dict[tuple[int, int], bytes] = {}
        for entry in self._entries():
            if entry.path is None:
                yield _removal(entry.name) if entry.removes else _placeholder(entry.name), 0, None
                continue
            try:
                yield _describe(entry, entry.path, links)
            except _UnrepresentableError:
                continue
            except OSError as error:
                raise from_os_error(error, f"read {displayed(entry.path)}") from error


def file_chunks(path: str | bytes | os.PathLike[str], size: int) -> Iterator[Buffer]:
    """Yield exactly ``size`` bytes of a file through one buffer.

    Raises:
        OperationFailed: The file cannot be read, or somebody writes to it.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            buffer = memoryview(bytearray(min(_CHUNK, max(size, 1))))
            remaining = size
            while remaining:
                count = file.readinto(buffer[: min(remaining, len(buffer))])
                if not count:
                    raise source_changed(f"{displayed(path)} lost {remaining} of {size} bytes")
                yield buffer[:count]
                remaining -= count
            now = os.fstat(file.fileno())
            if now.st_size != size or now.st_mtime_ns != before.st_mtime_ns:
                raise source_changed(f"{displayed(path)} was written to")
    except OSError as error:
        raise from_os_error(error, f"read {displayed(path)}") from error


def source_changed(what: str) -> OperationFailed:
    """Return the failure of an archive whose sources are not at rest."""
    return OperationFailed(
        Cause.SOURCE_CHANGED,
        f"{what} while it was archived",
        "Keep others from writing there until the checkpoint is Ready: status.preflight names"
        " containers that share it (SharedMounts); other programs of the host may, too",
    )


def log_chunks(path: Path, size: int) -> Iterator[Buffer]:
    """Yield the head of a log that the running container appends to, or has just rotated."""
    sent = 0
    try:
        with path.open("rb") as log:
            while sent < size and (data := log.read(min(1 << 20, size - sent))):
                sent += len(data)
                yield data
    except FileNotFoundError:
        pass
    yield b"\n" * (size - sent)


class _UnrepresentableError(Exception):
    """A tar has no way to express this file, and nothing is lost without it."""


def _describe(
    entry: Entry, path: bytes, links: dict[tuple[int, int], bytes]
) -> tuple[bytes, int, bytes | None]:
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    if kind not in _TYPES:
        raise _UnrepresentableError  # a socket: CRIU makes it anew
    info = tarfile.TarInfo(_text(entry.name))
    info.mode = stat.S_IMODE(status.st_mode)
    info.uid, info.gid = status.st_uid, status.st_gid
    info.type = _TYPES[kind]
    content: bytes | None = None
    if kind == stat.S_IFLNK:
        info.linkname = _text(os.readlink(path))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    if kind != stat.S_IFDIR and status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), entry.name)
        if first != entry.name:
            info.type, info.linkname = tarfile.LNKTYPE, _text(first)
    if info.type == tarfile.REGTYPE:
        content = entry.content or path
        info.size = os.stat(content).st_size if entry.content else status.st_size
    attributes = xattrs.travelling(xattrs.read(path))
    info.pax_headers = _exact_mtime(info, status.st_mtime_ns) | {
        f"SCHILY.xattr.{name}": _text(value) for name, value in attributes.items()
    }
    header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if len(header) > _MAX_EXTENDED_HEADER:
        raise OperationFailed(
            Cause.UNSUPPORTED_FILE,
            f"The extended attributes of {displayed(entry.name)} are too large for an archive",
            remedy="Remove some of them; Podman reads up to 1 MiB per file.",
        )
    return header, info.size, content


def _placeholder(name: bytes) -> bytes:
    return tarfile.TarInfo(_text(name)).tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _removal(name: bytes) -> bytes:
    """Return a global header without records, or nothing if it has no room for the name."""
    info = tarfile.TarInfo(_text(name))
    info.type = tarfile.XGLTYPE
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape")
    except ValueError:
        return b""


def _exact_mtime(info: tarfile.TarInfo, mtime_ns: int) -> dict[str, str]:
    """Set the time in whole seconds, and return the record that has the rest of it."""
    info.mtime = max(mtime_ns, 0) // 1_000_000_000
    seconds, nanoseconds = divmod(abs(mtime_ns), 1_000_000_000)
    if not nanoseconds and mtime_ns >= 0:
        return {}
    sign = "-" if mtime_ns < 0 else ""
    return {"mtime": f"{sign}{seconds}.{nanoseconds:09d}"}


def _text(value: bytes) -> str:
    """Return bytes in the form in which tarfile takes any bytes at all."""
    return value.decode("utf-8", "surrogateescape")
