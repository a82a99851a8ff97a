"""A strict walk through a tar that arrives in pieces, keeping the few members that are asked for.

The standard library's reader stops quietly at a damaged header, which is right for salvage and
wrong for a checkpoint: here everything up to the end marker has to make sense. Nothing the tar says
is trusted: only bounded amounts are kept in memory, whatever sizes it claims.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Protocol

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed
from .tarstream import BLOCK, padding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_KEPT: Final = 16 * 1024 * 1024
"""The largest member that is kept, in bytes; also the limit of what headers may add."""

MAX_NAMES: Final = 1024

_ZEROS: Final = bytes(BLOCK)
_PAX: Final = tarfile.XHDTYPE
_LONG_NAME: Final = tarfile.GNUTYPE_LONGNAME
_EXTENSIONS: Final = frozenset({_PAX, tarfile.XGLTYPE, _LONG_NAME, tarfile.GNUTYPE_LONGLINK})
_WITHOUT_DATA: Final = frozenset(
    {
        tarfile.LNKTYPE,
        tarfile.SYMTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.DIRTYPE,
        tarfile.FIFOTYPE,
    }
)
_SPARSE_NAME: Final = "GNU.sparse.name"
_SPARSE_SIZE: Final = "GNU.sparse.realsize"
_RECORDS: Final = frozenset({b"path", b"size", _SPARSE_NAME.encode(), _SPARSE_SIZE.encode()})
_FILES: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the tar."""

    name: str
    size: int
    mtime: int
    """Seconds since the epoch."""
    is_file: bool


class Receiver(Protocol):
    """Takes the content of one member."""

    def feed(self, data: memoryview) -> None:
        """Take the next piece."""

    def close(self) -> None:
        """Take note of the end."""


class TarWalk:
    """Checks one tar.

    Args:
        keep: Names of the members whose content is kept.
        expect: Shell patterns of members to look out for.
        collect: A shell pattern of members whose names are kept, :data:`MAX_NAMES` at most.
        receive: Told of each member; may return who gets its content.
        sparse: Members may be sparse files, in the way of GNU's format 1.0.

    Attributes:
        kept: Content of the members asked for, complete ones only.
        met: Which of ``expect`` a member has matched.
        names: Names of members that match ``collect``.
        current: Name of the member that the walk has reached.
        offset: Where the header of that member begins, extensions of the header left out.
        ended: The end marker was seen.
    """

    def __init__(
        self,
        *,
        keep: Collection[str] = (),
        expect: Collection[str] = (),
        collect: str = "",
        receive: Callable[[Member], Receiver | None] = lambda _: None,
        sparse: bool = False,
    ) -> None:
        self.kept: dict[str, bytes] = {}
        self.met: set[str] = set()
        self.names: set[str] = set()
        self.current = ""
        self.offset = 0
        self.ended = False
        self._keep = keep
        self._expect = expect
        self._collect = collect
        self._receive = receive
        self._sparse = sparse
        self._receiver: Receiver | None = None
        self._passed = 0
        self._block = bytearray()
        self._collected: bytearray | None = None
        self._content = 0
        """Bytes of content still to come, padding excluded."""
        self._padding = 0
        self._extension = b""
        self._overrides: dict[str, str] = {}

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next piece of the tar.

        Raises:
            OperationFailed: It is not a tar that Podman could unpack.
        """
        view = memoryview(data)
        while view:
            if self._content or self._padding:
                view = self._take_content(view)
                continue
            count = min(BLOCK - len(self._block), len(view))
            self._block += view[:count]
            view = view[count:]
            self._passed += count
            if len(self._block) == BLOCK:
                block = bytes(self._block)
                self._block.clear()
                self._header(block)

    def close(self) -> None:
        """Say that nothing more comes.

        Raises:
            OperationFailed: The tar is not complete.
        """
        if not self.ended:
            raise truncated("the tar has no end")
        if self._block.strip(b"\0"):
            raise corrupt("there is something after the end of the tar")

    def _take_content(self, view: memoryview) -> memoryview:
        count = min(self._content, len(view))
        if count:
            if self._collected is not None:
                self._collected += view[:count]
            elif self._receiver is not None:
                self._receiver.feed(view[:count])
            self._content -= count
            self._passed += count
            view = view[count:]
            if self._content == 0:
                self._content_complete()
        count = min(self._padding, len(view))
        self._padding -= count
        self._passed += count
        return view[count:]

    def _content_complete(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()
        if self._collected is None:
            return
        content, self._collected = bytes(self._collected), None
        if self._extension == _PAX:
            self._overrides |= parse_records(content, sparse=self._sparse)
        elif self._extension == _LONG_NAME:
            self._overrides["path"] = _decode(content.rstrip(b"\0"))
        elif not self._extension:
            self.kept[self.current] = content

    def _header(self, block: bytes) -> None:
        if block == _ZEROS:
            self.ended = True
            return
        if self.ended:
            raise corrupt("there is something after the end of the tar")
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise corrupt(f"a tar header is damaged ({error})") from error
        if info.size < 0:
            raise corrupt("a tar header has a negative size")
        if info.type in _EXTENSIONS:
            self._begin_extension(info)
        else:
            self._begin_member(info)

    def _begin_extension(self, info: tarfile.TarInfo) -> None:
        if info.size > MAX_KEPT:
            raise corrupt("a tar header is too large")
        self._extension = info.type
        self._collected = bytearray()
        self._content, self._padding = info.size, padding(info.size)
        if not info.size:
            self._content_complete()

    def _begin_member(self, info: tarfile.TarInfo) -> None:
        overrides, self._overrides, self._extension = self._overrides, {}, b""
        name = _clean(overrides.get(_SPARSE_NAME, overrides.get("path", info.name)))
        size = _size(overrides.get("size"), info.size)
        if info.type in _WITHOUT_DATA:
            size = 0
        elif info.type not in _FILES:
            raise corrupt(f"member {name!r} is of a kind that Podman does not know")
        self.current = name
        self.offset = self._passed - BLOCK
        self.met.update(pattern for pattern in self._expect if fnmatchcase(name, pattern))
        if fnmatchcase(name, self._collect) and len(self.names) < MAX_NAMES:
            self.names.add(name)
        self._content, self._padding = size, padding(size)
        if name in self._keep:
            if size > MAX_KEPT:
                raise corrupt(f"{name} claims {size} bytes, more than {MAX_KEPT}")
            self._collected = bytearray()
        else:
            shown = _size(overrides.get(_SPARSE_SIZE), size)
            member = Member(name, shown, int(info.mtime), info.type in _FILES)
            self._receiver = self._receive(member)
        if not size:
            self._content_complete()


def parse_records(content: bytes, *, sparse: bool = False) -> dict[str, str]:
    """Return names and sizes of a member from a PAX extended header, if they are in it."""
    found: dict[str, str] = {}
    position = 0
    while position < len(content):
        digits, space, _ = content[position : position + 20].partition(b" ")
        if not space or not digits.isdigit():
            raise corrupt("an extended tar header is damaged")
        end = position + int(digits)
        record = content[position + len(digits) + 1 : end]
        keyword, equals, value = record.partition(b"=")
        if end > len(content) or not equals or not value.endswith(b"\n"):
            raise corrupt("an extended tar header is damaged")
        if keyword.startswith(b"GNU.sparse.") and not sparse:
            raise corrupt("a member is a sparse file, which checkpoint archives do not have")
        if keyword in _RECORDS:
            found[keyword.decode()] = _decode(value[:-1])
        position = end
    return found


def corrupt(what: str) -> OperationFailed:
    """Return the error for bytes that are not an archive."""
    return OperationFailed(
        Cause.ARCHIVE_CORRUPT,
        f"The archive is damaged: {what}",
        remedy="Restore from another checkpoint or from a good copy of this archive.",
    )


def truncated(what: str) -> OperationFailed:
    """Return the error for an archive whose end is missing."""
    return OperationFailed(
        Cause.ARCHIVE_TRUNCATED,
        f"The archive is cut off: {what}",
        remedy="Restore from another checkpoint, or copy the whole archive again.",
    )


def _size(override: str | None, size: int) -> int:
    if override is None:
        return size
    if not override.isdecimal() or len(override) > 19:
        raise corrupt("an extended tar header has no valid size")
    return int(override)


def _clean(name: str) -> str:
    """Return a member's name without decoration, refusing one that leads out of the archive."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise corrupt(f"member {name!r} leads out of the archive")
    return "/".join(parts)


def _decode(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
