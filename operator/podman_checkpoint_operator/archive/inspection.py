"""Looks into an archive: one pass over its bytes, with nothing written and little kept."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ..api.archive_report import (
    ArchiveFile,
    ArchiveReport,
    FileSystemReport,
    StatisticsReport,
    TreeReport,
    VolumeContentReport,
)
from ..api.common import Compression
from ..criu.snapshot import MAX_IMAGE_BYTES, Snapshot, is_read
from ..criu.snapshot_report import Sizes
from ..criu.snapshot_report import report as checkpoint_report
from ..criu.statistics import decode_dump
from ..decisions.failures import OperationFailed, from_os_error
from . import members
from .bind_mounts import read_index
from .compression import detect
from .described import container_report, origin_report
from .metadata import parse_metadata
from .reader import plain_pieces
from .tarwalk import Member, TarWalk, corrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .tarwalk import Receiver

MAX_PATHS: Final = 1000
"""Of changed and of deleted files, that a report names; it counts the rest."""

_CHUNK: Final = 1024 * 1024
_MAX_NOTES: Final = 100
_TREES: Final = (members.ROOTFS_DIFF, members.DEVSHM)
_FOLDERS_OF_TREES: Final = (members.VOLUMES, members.BIND_MOUNTS)
_KEPT: Final = (*members.METADATA, members.DELETED_FILES)


def inspect(stream: BinaryIO) -> ArchiveReport:
    """Read an archive to its end and return what is in it.

    Args:
        stream: The archive, at its beginning.

    Raises:
        OperationFailed: It cannot be read, or is no whole checkpoint archive.
    """
    source = _Source(stream)
    look = _Look()
    walk = TarWalk(keep=_KEPT, expect=members.REQUIRED, receive=look.receive)
    plain_bytes = 0
    for piece in plain_pieces(source.pieces()):
        plain_bytes += len(piece)
        walk.feed(piece)
    walk.close()
    for name in members.REQUIRED:
        if name not in walk.met:
            raise corrupt(f"{name} is missing, so it is not a Podman checkpoint")
    file = ArchiveFile(
        size_bytes=source.size_bytes,
        plain_bytes=plain_bytes,
        digest=f"sha256:{source.hash.hexdigest()}",
        compression=source.compression,
        members=look.members + len(walk.kept),
    )
    return look.report(file, walk.kept)


class _Source:
    """The stored bytes, counted and hashed as they go by."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()
        self.size_bytes = 0
        self.compression = Compression.NONE

    def pieces(self) -> Iterator[bytes]:
        try:
            for data in iter(partial(self._stream.read, _CHUNK), b""):
                if not self.size_bytes:
                    self.compression = detect(data)
                self.hash.update(data)
                self.size_bytes += len(data)
                yield data
        except OSError as error:
            raise from_os_error(error, "read the archive") from error


class _Look:
    """Collects what the members say."""

    def __init__(self) -> None:
        self.members = 0
        self._snapshot = Snapshot()
        self._sizes = Sizes()
        self._time: int | None = None
        self._trees: dict[str, _Tree] = {}
        self._notes: list[str] = []

    def receive(self, member: Member) -> Receiver | None:
        """Say who takes a member's content."""
        self.members += 1
        folder, _, name = member.name.partition("/")
        if folder == members.CHECKPOINT and name:
            return self._receive_image(name, member)
        if folder == members.PRE_CHECKPOINT and name:
            self._sizes.add(name, member.size)
            return None
        is_tree = member.name in _TREES or folder in _FOLDERS_OF_TREES
        if not is_tree or not member.is_file:
            return None
        tree = _Tree(member.name, self._note)
        self._trees[member.name] = tree
        return tree

    def _receive_image(self, name: str, member: Member) -> Receiver | None:
        self._sizes.add(name, member.size)
        if name == "inventory.img":
            self._time = member.mtime  # CRIU writes it last
        if not is_read(name):
            return None
        if member.size > MAX_IMAGE_BYTES:
            self._note(f"{member.name} has {member.size} bytes, more than {MAX_IMAGE_BYTES}")
            return None
        return _Image(partial(self._take, name))

    def _take(self, name: str, image: bytes) -> None:
        try:
            self._snapshot.take(name, image)
        except ValueError as error:
            self._note(f"{members.CHECKPOINT}/{name}: {error}")

    def _note(self, text: str) -> None:
        if len(self._notes) < _MAX_NOTES:
            self._notes.append(text)

    def report(self, file: ArchiveFile, kept: dict[str, bytes]) -> ArchiveReport:
        """Return all that was collected.

        Args:
            file: what is known of the archive itself.
            kept: content of the small members.
        """
        metadata = parse_metadata(kept)
        shm = self._trees.get(members.DEVSHM)
        return ArchiveReport(
            archive=file,
            container=container_report(metadata, kept, self._bind_mounts(kept)),
            origin=origin_report(metadata.origin),
            checkpoint=checkpoint_report(self._snapshot, self._sizes, time=_time(self._time)),
            statistics=self._statistics(kept.get(members.STATISTICS)),
            file_system=self._file_system(kept.get(members.DELETED_FILES)),
            volumes=tuple(
                self._volume(volume.name, volume.destination) for volume in metadata.volumes
            ),
            dev_shm=TreeReport(files=shm.files, size_bytes=shm.size_bytes) if shm else None,
            incomplete=tuple(self._notes),
        )

    def _bind_mounts(self, kept: dict[str, bytes]) -> dict[str, TreeReport]:
        """Return what is in the archive of bind mounts, by their sources."""
        index = read_index(kept.get(members.BIND_MOUNTS_INDEX))
        trees = {str(each.source): self._trees.get(each.member) for each in index}
        return {
            source: TreeReport(files=tree.files, size_bytes=tree.size_bytes)
            for source, tree in trees.items()
            if tree
        }

    def _volume(self, name: str, destination: str) -> VolumeContentReport:
        tree = self._trees.get(f"{members.VOLUMES}/{name}.tar")
        return VolumeContentReport(
            name=name,
            destination=destination or None,
            included=tree is not None,
            files=tree.files if tree else 0,
            size_bytes=tree.size_bytes if tree else 0,
        )

    def _file_system(self, deleted_files: bytes | None) -> FileSystemReport | None:
        tree = self._trees.get(members.ROOTFS_DIFF)
        if tree is None and deleted_files is None:
            return None
        deleted: list[Any] = []
        with suppress(ValueError):
            found = json.loads(deleted_files or b"[]")
            deleted = found if isinstance(found, list) else []
        return FileSystemReport(
            files=tree.files if tree else 0,
            size_bytes=tree.size_bytes if tree else 0,
            paths=tuple(tree.paths) if tree else (),
            deleted=tuple(str(path) for path in deleted[:MAX_PATHS]),
            deleted_count=len(deleted),
        )

    def _statistics(self, image: bytes | None) -> StatisticsReport | None:
        if image is None:
            return None
        try:
            found = decode_dump(image)
        except ValueError as error:
            self._note(f"{members.STATISTICS}: {error}")
            return None
        return StatisticsReport(
            freezing_microseconds=found.freezing_time,
            frozen_microseconds=found.frozen_time,
            memdump_microseconds=found.memdump_time,
            memwrite_microseconds=found.memwrite_time,
            pages_scanned=found.pages_scanned,
            pages_written=found.pages_written,
        )


class _Image:
    """Takes a whole image, which is small, and passes it on."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._content = bytearray()

    def feed(self, data: memoryview) -> None:
        self._content += data

    def close(self) -> None:
        self._take(bytes(self._content))


class _Tree:
    """Counts the files of a tar inside the archive, and names the first of them."""

    def __init__(self, name: str, note: Callable[[str], None]) -> None:
        self.files = 0
        self.size_bytes = 0
        self.paths: list[str] = []
        self._name = name
        self._note = note
        self._walk: TarWalk | None = TarWalk(receive=self._count, sparse=True)

    def _count(self, member: Member) -> None:
        if not member.name:
            return  # the root
        self.files += 1
        self.size_bytes += member.size
        if len(self.paths) < MAX_PATHS:
            self.paths.append(f"/{member.name}")

    def feed(self, data: memoryview) -> None:
        self._try(lambda walk: walk.feed(data))

    def close(self) -> None:
        self._try(lambda walk: walk.close())

    def _try(self, call: Callable[[TarWalk], None]) -> None:
        """Go on without this tar when it is damaged: the archive around it may be whole."""
        if self._walk is None:
            return
        try:
            call(self._walk)
        except OperationFailed as error:
            self._walk = None
            self._note(f"{self._name}: {error.evidence}")


def _time(seconds: int | None) -> str | None:
    if not seconds:
        return None
    with suppress(ValueError, OverflowError):
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    return None
