"""Reads stored archives: checks them, tells what is in them, and hands Podman the tar inside.

Works on archives of this operator and on those that ``podman container checkpoint --export`` made.
Podman itself accepts an archive with flipped bytes and reports success, so nothing may reach it
that was not checked here.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from ..api.common import Compression
from ..api.reasons import Cause
from ..decisions.facts import SparseFile
from ..decisions.failures import OperationFailed, displayed, from_os_error
from . import members
from .bind_mounts import BindContent, read_index
from .compression import CorruptStreamError, decompressor, detect
from .metadata import ArchiveMetadata, parse_metadata
from .sparse_files import read_list
from .tarwalk import Member, TarWalk, corrupt, truncated

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CHUNK: Final = 1024 * 1024

Progress = Callable[[int], None]
"""Told the stored bytes read so far, often. Raise from it to cancel."""


@dataclass(frozen=True, slots=True)
class Verified:
    """An archive that was read to its end and found good."""

    metadata: ArchiveMetadata
    size_bytes: int
    plain_bytes: int
    digest: str
    compression: Compression
    file_locks: bool
    """Whether its processes held file locks."""
    connections: bool
    """Whether its processes had established TCP connections."""
    volumes: frozenset[str]
    """Named volumes whose content is in it."""
    bind_mounts: tuple[BindContent, ...]
    """Bind mounts whose content is in it."""
    sparse_files: tuple[SparseFile, ...]
    """Files in the root file system and in volumes that have holes."""
    podmans_bytes: int
    """How much of the tar inside is for Podman: without what only this operator knows."""


def verify(
    path: Path, expected_digest: str | None, *, progress: Progress | None = None
) -> Verified:
    """Read a whole archive and check its hash and its structure, in one pass.

    Args:
        path: The archive.
        expected_digest: ``sha256:...`` of the stored bytes; None when nobody knows it.
        progress: See :data:`Progress`.

    Raises:
        OperationFailed: The archive must not be restored; the cause says why.
    """
    with open_plain(path, expected_digest, progress=progress) as plain:
        for _ in plain:
            pass
        return plain.verified()


def read_metadata(path: Path) -> ArchiveMetadata:
    """Read what an archive says about its container, from its head if possible.

    The rest of the archive is not checked.

    Raises:
        OperationFailed: It cannot be read or is no checkpoint archive.
    """
    return parse_metadata(_head(path))


def bind_mounts_in(path: Path) -> tuple[BindContent, ...]:
    """Return the bind mounts whose content is in an archive, as its head tells.

    Raises:
        OperationFailed: It cannot be read or is no checkpoint archive.
    """
    return read_index(_head(path).get(members.BIND_MOUNTS_INDEX))


def sparse_files_in(path: Path) -> tuple[SparseFile, ...]:
    """Return the files that had holes, as an archive's head tells.

    Raises:
        OperationFailed: It cannot be read or is no checkpoint archive.
    """
    return read_list(_head(path).get(members.SPARSE_FILES))


def _head(path: Path) -> dict[str, bytes]:
    walk = TarWalk(keep=members.METADATA)
    with _opened(path) as file:
        stored = iter(partial(file.read, _CHUNK), b"")
        for plain in plain_pieces(stored):
            walk.feed(plain)
            known = members.CONFIG in walk.kept and members.SPEC in walk.kept
            if known and walk.current not in members.METADATA:
                break
        else:
            walk.close()
    return walk.kept


def open_plain(
    path: Path, expected_digest: str | None, *, progress: Progress | None = None
) -> PlainTar:
    """Open an archive as the plain tar that Podman takes as a request body.

    Arguments and errors as for :func:`verify`.
    """
    return PlainTar(path, expected_digest, progress)


class PlainTar:
    """The tar inside an archive, as an iterable of pieces that is checked while it flows.

    If the archive turns out to be bad, the iteration raises :class:`OperationFailed` instead of
    ending, at its end at the latest: a chunked request breaks off, and Podman discards what it got.
    It can be iterated once.
    """

    def __init__(self, path: Path, expected_digest: str | None, progress: Progress | None) -> None:
        self._path = path
        self._expected = expected_digest
        self._progress = progress
        self._file = _opened(path)
        self._hash = hashlib.sha256()
        self._walk = TarWalk(
            keep=members.METADATA,
            expect=(*members.REQUIRED, *members.HINTS),
            collect=members.VOLUME_CONTENTS,
            receive=self._note_bind_mounts,
        )
        self._podmans_bytes = 0
        self._compression = Compression.NONE
        self._stored_bytes = 0
        self._plain_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        stored = self._stored()
        try:
            for plain in plain_pieces(stored):
                self._walk.feed(plain)
                self._plain_bytes += len(plain)
                yield plain
            self._walk.close()
            for name in members.REQUIRED:
                if name not in self._walk.met:
                    raise corrupt(f"{name} is missing, so it is not a Podman checkpoint")
        except OperationFailed as error:
            for _ in stored:
                pass  # the hash of the whole tells whether these are the bytes once stored
            raise self._judged(error) from error
        self._check_digest()

    def verified(self) -> Verified:
        """Return what is known after a complete iteration.

        Raises:
            OperationFailed: The metadata is missing or damaged.
        """
        return Verified(
            metadata=parse_metadata(self._walk.kept),
            size_bytes=self._stored_bytes,
            plain_bytes=self._plain_bytes,
            digest=self._digest(),
            compression=self._compression,
            file_locks=members.FILE_LOCKS in self._walk.met,
            connections=members.CONNECTIONS in self._walk.met,
            volumes=frozenset(
                name.removeprefix(f"{members.VOLUMES}/").removesuffix(".tar")
                for name in self._walk.names
            ),
            bind_mounts=read_index(self._walk.kept.get(members.BIND_MOUNTS_INDEX)),
            sparse_files=read_list(self._walk.kept.get(members.SPARSE_FILES)),
            podmans_bytes=self._podmans_bytes or self._plain_bytes,
        )

    def _note_bind_mounts(self, member: Member) -> None:
        if member.name == members.BIND_MOUNTS:
            self._podmans_bytes = self._walk.offset

    def _stored(self) -> Iterator[bytes]:
        while data := self._read():
            if not self._stored_bytes:
                self._compression = detect(data)
            self._hash.update(data)
            self._stored_bytes += len(data)
            if self._progress is not None:
                self._progress(self._stored_bytes)
            yield data

    def _read(self) -> bytes:
        try:
            return self._file.read(_CHUNK)
        except OSError as error:
            raise from_os_error(error, f"read {displayed(self._path)}") from error

    def _digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def _judged(self, error: OperationFailed) -> OperationFailed:
        """Prefer the plainest explanation of a bad archive."""
        if error.cause is Cause.ARCHIVE_CORRUPT and self._expected not in (None, self._digest()):
            return self._mismatch(str(error))
        return OperationFailed(
            error.cause, f"{displayed(self._path)}: {error.evidence}", remedy=error.remedy
        )

    def _check_digest(self) -> None:
        if self._expected not in (None, self._digest()):
            raise self._mismatch("")

    def _mismatch(self, evidence: str) -> OperationFailed:
        message = (
            f"The archive {displayed(self._path)} is not the one that was stored: "
            f"its digest is {self._digest()}, expected {self._expected}"
        )
        return OperationFailed(
            Cause.ARCHIVE_DIGEST_MISMATCH,
            f"{message}. {evidence}" if evidence else message,
            remedy="Restore from another checkpoint or from a good copy of this archive.",
        )


def plain_pieces(stored: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress an archive, whatever the format.

    Raises:
        OperationFailed: The bytes do not decompress, or end too early.
    """
    first = next(stored, b"")
    if not first:
        raise truncated("it is empty")
    stream = decompressor(detect(first))
    try:
        for data in itertools.chain((first,), stored):
            yield from stream.feed(data)
    except CorruptStreamError as error:
        raise corrupt(f"it does not decompress ({error})") from error
    if not stream.complete:
        raise truncated("the compressed data have no end")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise OperationFailed(
            Cause.ARCHIVE_MISSING,
            f"There is no archive {displayed(path)}",
            remedy="Restore from another checkpoint, or put the archive back in place.",
        ) from error
    except OSError as error:
        raise from_os_error(error, f"read {displayed(path)}") from error
