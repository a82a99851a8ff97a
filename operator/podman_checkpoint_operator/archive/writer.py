"""Writes an archive in one pass: tar, compressor, hash, file. Nothing is staged on disk.

The container runs again by then. What it may change was captured before (:mod:`.capture`), except
its log, which may only have grown.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from ..api.common import Compression
from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, displayed, from_os_error
from . import members
from .bind_mounts import bind_tar, index_of, write_index
from .compression import compressor
from .entries import tree_entries
from .reading import Buffer, file_chunks, log_chunks, source_changed
from .saved_trees import saved_trees
from .sparse_files import write_list
from .tarstream import END, TreeTar, member_header, padding

if TYPE_CHECKING:
    from pathlib import Path

    from .rootfs import RootfsDiff

Progress = Callable[[int], None]
"""Told the plain bytes so far, often. Raise from it to cancel."""


class Output(Protocol):
    """Where stored bytes go: a file, or a store's."""

    def write(self, data: bytes, /) -> int:
        """Store all of ``data``."""
        ...


@dataclass(frozen=True, slots=True)
class ArchiveSources:
    """Everything an archive is made of, as paths on this host.

    Attributes:
        checkpoint_dir: CRIU's images.
        pre_checkpoint_dir: Memory that was copied before them.
        config_dump: Podman's configuration of the container.
        spec_dump: The OCI runtime specification of the container.
        network_status: Without it, the restored container gets new addresses.
        stats_dump: CRIU's statistics.
        devshm_tar: Content of ``/dev/shm``, as Podman saved it: times in whole seconds.
        devshm: A capture of it, which takes the place of that.
        artifacts_dir: Podman's directory of that name.
        log: The container's log, for log drivers that write ``ctr.log``.
        rootfs: Changes of the root file system; None leaves them out.
        volumes: Named volumes (or their captures) to include, by name.
        bind_mounts: Sources of bind mounts to include, and where the content of each lies.
        origin: What :attr:`ArchiveMetadata.origin` will say; keys are the caller's.
    """

    checkpoint_dir: Path
    config_dump: Path
    spec_dump: Path
    pre_checkpoint_dir: Path | None = None
    network_status: Path | None = None
    stats_dump: Path | None = None
    devshm_tar: Path | None = None
    devshm: Path | None = None
    artifacts_dir: Path | None = None
    log: Path | None = None
    rootfs: RootfsDiff | None = None
    volumes: Mapping[str, Path] = field(default_factory=dict)
    bind_mounts: Mapping[Path, Path] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """A complete archive, as it was handed to the output."""

    size_bytes: int
    digest: str
    """``sha256:`` and the hexadecimal hash of the stored bytes."""
    plain_bytes: int
    """Length of the tar inside."""


def write_archive(
    sources: ArchiveSources,
    out: Output,
    *,
    compression: Compression = Compression.ZSTD,
    progress: Progress | None = None,
) -> Written:
    """Write the archive of one checkpoint.

    The output is neither flushed nor closed. After an exception it holds a useless part.

    Raises:
        OperationFailed: A source cannot be read, or cannot be expressed in a Podman archive.
    """
    sink = _Sink(out, compression, progress)
    for member in _members(sources):
        sink.write(member.header())
        start = sink.plain_bytes
        for chunk in member.chunks():
            sink.write(chunk)
        if sink.plain_bytes - start != member.size:
            raise source_changed(f"The source of {member.name} became another one")
        sink.write(bytes(padding(member.size)))
    sink.write(END)
    return sink.finish()


class _Sink:
    """The rest of the way of a plain byte."""

    def __init__(self, out: Output, compression: Compression, progress: Progress | None) -> None:
        self._out = out
        self._compressor = compressor(compression)
        self._progress = progress
        self._hash = hashlib.sha256()
        self._stored = 0
        self.plain_bytes = 0

    def write(self, data: Buffer) -> None:
        if not data:
            return
        self.plain_bytes += len(data)
        self._store(self._compressor.compress(data))
        if self._progress is not None:
            self._progress(self.plain_bytes)

    def finish(self) -> Written:
        self._store(self._compressor.flush())
        return Written(
            size_bytes=self._stored,
            digest=f"sha256:{self._hash.hexdigest()}",
            plain_bytes=self.plain_bytes,
        )

    def _store(self, data: bytes) -> None:
        if data:
            self._hash.update(data)
            self._out.write(data)
            self._stored += len(data)


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    chunks: Callable[[], Iterator[Buffer]]
    directory: bool = False
    link: str = ""
    mtime_ns: int = 0

    def header(self) -> bytes:
        return member_header(
            self.name,
            self.size,
            directory=self.directory,
            link=self.link,
            mtime_ns=self.mtime_ns,
        )


def _members(sources: ArchiveSources) -> Iterator[_Member]:
    """List the members in their order: metadata first, then as Podman orders them."""
    if sources.origin:
        document = json.dumps(dict(sources.origin), indent=1, sort_keys=True)
        yield _document(members.ORIGIN, document.encode())
    binds = index_of(sources.bind_mounts)
    if binds:
        yield _document(members.BIND_MOUNTS_INDEX, write_index(binds))
    trees = saved_trees(sources.rootfs, sources.volumes)
    if sparse := list(trees.sparse_files()):
        yield _document(members.SPARSE_FILES, write_list(sparse))
    yield _file(members.CONFIG, sources.config_dump)
    yield _file(members.SPEC, sources.spec_dump)
    for name, path in (
        (members.NETWORK_STATUS, sources.network_status),
        (members.STATISTICS, sources.stats_dump),
    ):
        if path is not None:
            yield _file(name, path)
    yield from _shared_memory(sources)
    if sources.log is not None:
        yield _file(members.LOG, sources.log, chunks=log_chunks)
    if sources.artifacts_dir is not None:
        yield from _directory(members.ARTIFACTS, sources.artifacts_dir)
    if sources.pre_checkpoint_dir is not None:
        yield from _directory(members.PRE_CHECKPOINT, sources.pre_checkpoint_dir)
    yield from _directory(members.CHECKPOINT, sources.checkpoint_dir)
    if trees.rootfs is not None:
        yield _tree(members.ROOTFS_DIFF, trees.rootfs)
        yield _document(members.DELETED_FILES, json.dumps(trees.deleted).encode())
    yield from _trees(
        members.VOLUMES,
        [(f"{members.VOLUMES}/{name}.tar", tar) for name, tar in trees.volumes.items()],
    )
    yield from _trees(
        members.BIND_MOUNTS,
        [(bind.member, bind_tar(sources.bind_mounts[bind.source])) for bind in binds],
    )


def _shared_memory(sources: ArchiveSources) -> Iterator[_Member]:
    if sources.devshm is not None:
        yield _tree(members.DEVSHM, TreeTar(partial(tree_entries, sources.devshm)))
    elif sources.devshm_tar is not None:
        yield _file(members.DEVSHM, sources.devshm_tar)


def _trees(folder: str, tars: Sequence[tuple[str, TreeTar]]) -> Iterator[_Member]:
    if tars:
        yield _Member(f"{folder}/", 0, _nothing, directory=True)
    for name, tar in tars:
        yield _tree(name, tar)


def _directory(name: str, path: Path) -> Iterator[_Member]:
    """List a directory of plain files, as the container's bundle has them."""
    status = _status(path)
    yield _Member(f"{name}/", 0, _nothing, directory=True, mtime_ns=status.st_mtime_ns)
    try:
        children = sorted(os.listdir(path))
    except OSError as error:
        raise from_os_error(error, f"list {displayed(path)}") from error
    for child in children:
        below = path / child
        mode = _status(below).st_mode
        if stat.S_ISDIR(mode):
            yield from _directory(f"{name}/{child}", below)
        elif stat.S_ISREG(mode):
            yield _file(f"{name}/{child}", below)
        elif stat.S_ISLNK(mode) and child == members.PARENT:
            link = f"../{members.PRE_CHECKPOINT}"
            yield _Member(f"{name}/{child}", 0, _nothing, link=link)
        else:
            raise OperationFailed(
                Cause.UNSUPPORTED_FILE,
                f"{displayed(below)} is neither a file nor a directory; an archive cannot hold it",
            )


def _file(
    name: str,
    path: Path,
    *,
    chunks: Callable[[Path, int], Iterator[Buffer]] = file_chunks,
) -> _Member:
    status = _status(path)
    return _Member(
        name, status.st_size, partial(chunks, path, status.st_size), mtime_ns=status.st_mtime_ns
    )


def _document(name: str, content: bytes) -> _Member:
    return _Member(name, len(content), lambda: iter((content,)))


def _tree(name: str, tar: TreeTar) -> _Member:
    return _Member(name, tar.size(), tar.chunks)


def _nothing() -> Iterator[Buffer]:
    return iter(())


def _status(path: Path) -> os.stat_result:
    try:
        return os.lstat(path)
    except OSError as error:
        raise from_os_error(error, f"read {displayed(path)}") from error
