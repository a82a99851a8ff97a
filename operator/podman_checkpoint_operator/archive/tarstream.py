"""Tar headers, and tars of whole trees whose size is known before the first byte is written.

``rootfs-diff.tar`` and the volumes are tars inside the archive's tar, and a member's header carries
its size. A tree is therefore walked twice, once to add up sizes and once to write, instead of being
written to a temporary file first. Both walks see the same, since the tree is a private copy.
"""

from __future__ import annotations

import os
import stat
import tarfile
from typing import TYPE_CHECKING, Final, NamedTuple

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, displayed, from_os_error
from . import xattrs
from .extents import holes, stored_extents
from .reading import Buffer, extent_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .entries import Entry
    from .extents import Extents

BLOCK: Final = tarfile.BLOCKSIZE
END: Final = bytes(2 * BLOCK)
"""Two blocks of zeros end a tar."""

_MAX_EXTENDED_HEADER: Final = 1024 * 1024
"""Podman refuses longer ones."""

_SPARSE_NAME: Final = "GNUSparseFile.0/content"
"""For readers that do not know sparse files; others find the name in a record."""

_TYPES: Final = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}


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
        self._size = 0
        self._sparse: dict[bytes, _Content] = {}
        """By name. Reading a file can show fewer holes of it afterwards."""

    def size(self) -> int:
        """Return the length of the whole tar in bytes.

        Raises:
            OperationFailed: A file cannot be read, or cannot be expressed.
        """
        if not self._size:
            sizes = (
                (len(header), content.stored if content else 0)
                for header, content in self._members()
            )
            self._size = sum(head + size + padding(size) for head, size in sizes) + len(END)
        return self._size

    def holes(self) -> Iterator[tuple[bytes, Extents]]:
        """Yield the name of each sparse file, and its holes.

        Raises:
            OperationFailed: As of :meth:`size`.
        """
        self.size()
        for name, content in self._sparse.items():
            yield name, holes(content.extents, content.size)

    def chunks(self) -> Iterator[Buffer]:
        """Yield the tar piece by piece; a piece is valid until the next is asked for."""
        for header, content in self._members():
            yield header
            if content is not None:
                yield from extent_chunks(content.path, content.size, content.extents)
                yield bytes(padding(content.stored))
        yield END

    def _members(self) -> Iterator[tuple[bytes, _Content | None]]:
        """Yield the header of each entry, and what follows it of a file."""
        links: dict[tuple[int, int], bytes] = {}
        for entry in self._entries():
            if entry.path is None:
                yield _removal(entry.name) if entry.removes else _placeholder(entry.name), None
                continue
            try:
                info = _describe(entry, entry.path, links)
                content = self._content(info, entry)
                yield _header(info, entry, content), content
            except _UnrepresentableError:
                continue
            except OSError as error:
                raise from_os_error(error, f"read {displayed(entry.path)}") from error

    def _content(self, info: tarfile.TarInfo, entry: Entry) -> _Content | None:
        """Return what a tar has to hold of a file."""
        path = entry.content or entry.path
        if info.type != tarfile.REGTYPE or path is None:
            return None
        if (known := self._sparse.get(entry.name)) is not None:
            return known
        content = _Content(path, info.size, stored_extents(path, os.stat(path)))
        if content.stored < info.size:
            self._sparse[entry.name] = content
        return content


class _Content(NamedTuple):
    """What a tar holds of a file."""

    path: bytes
    size: int
    """Of the file, holes included."""
    extents: Extents

    @property
    def stored(self) -> int:
        """Bytes in the tar."""
        return sum(length for _, length in self.extents)


class _UnrepresentableError(Exception):
    """A tar has no way to express this file, and nothing is lost without it."""


def _describe(entry: Entry, path: bytes, links: dict[tuple[int, int], bytes]) -> tarfile.TarInfo:
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    if kind not in _TYPES:
        raise _UnrepresentableError  # a socket: CRIU makes it anew
    info = tarfile.TarInfo(_text(entry.name))
    info.mode = stat.S_IMODE(status.st_mode)
    info.uid, info.gid = status.st_uid, status.st_gid
    info.type = _TYPES[kind]
    if kind == stat.S_IFLNK:
        info.linkname = _text(os.readlink(path))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    if kind != stat.S_IFDIR and status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), entry.name)
        if first != entry.name:
            info.type, info.linkname = tarfile.LNKTYPE, _text(first)
    if info.type == tarfile.REGTYPE:
        info.size = os.stat(entry.content).st_size if entry.content else status.st_size
    attributes = xattrs.travelling(xattrs.read(path))
    info.pax_headers = _exact_mtime(info, status.st_mtime_ns) | {
        f"SCHILY.xattr.{name}": _text(value) for name, value in attributes.items()
    }
    return info


def _header(info: tarfile.TarInfo, entry: Entry, content: _Content | None) -> bytes:
    """Return the header of a member, and after it the map of a sparse file (GNU's version 1.0)."""
    sparse_map = b""
    if content is not None and content.stored < content.size:
        entries = (*content.extents, (content.size, 0))
        lines = [str(len(entries)), *(str(number) for entry in entries for number in entry), ""]
        sparse_map = "\n".join(lines).encode()
        sparse_map += bytes(padding(len(sparse_map)))
        info.pax_headers = {
            **info.pax_headers,
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": info.name,
            "GNU.sparse.realsize": str(content.size),
        }
        info.name, info.size = _SPARSE_NAME, len(sparse_map) + content.stored
    header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if len(header) > _MAX_EXTENDED_HEADER:
        raise OperationFailed(
            Cause.UNSUPPORTED_FILE,
            f"The extended attributes of {displayed(entry.name)} are too large for an archive",
            remedy="Remove some of them; Podman reads up to 1 MiB per file.",
        )
    return header + sparse_map


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
