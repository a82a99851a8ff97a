"""Archives in the default store: the archive format and the directory store, put together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..api.common import Compression
from ..api.names import NAMESPACE_LABEL
from ..archive import members
from ..archive.beside_unit import beside_unit
from ..archive.bind_mounts import up_to
from ..archive.capture import capture_file, capture_tree
from ..archive.laying import lay_members
from ..archive.reader import Verified, bind_mounts_in, open_plain, sparse_files_in, verify
from ..archive.rootfs import RootfsDiff
from ..archive.writer import ArchiveSources, write_archive
from ..decisions.bind_mounts import SavedBind
from ..decisions.facts import Endpoint, SparseFile
from ..decisions.failures import from_os_error
from ..decisions.preflight import listed
from ..reconcilers.archive_port import Contents, Manifest, Stored
from ..stores.directory import DirectoryStore

# Podman and CRIU write these at each checkpoint and never again, so they can be moved; the
# container's log goes on growing.
_MOVED: Final = (
    # What CRIU has found out about inotify watches in a pre-copy; no archive needs it.
    "irmap-cache",
    members.DEVSHM,
    members.CONFIG,
    members.SPEC,
    members.NETWORK_STATUS,
    members.STATISTICS,
)

_SHM: Final = "shm"
"""Where Podman mounts ``/dev/shm`` of a container in its bundle, as long as it runs."""


class CheckpointArchives:
    """The archives of one host.

    Args:
        store: where they live.
        host_root: where the agent sees the host's file system.
    """

    def __init__(self, store: DirectoryStore, host_root: Path) -> None:
        self._store = store
        self._root = host_root

    def location(self) -> Path:
        """Return the store's directory, which can be written to."""
        with _explained("use the directory of the archives"):
            self._store.require_usable()
        return self._store.root

    def capture(self, source: Contents, stage: Path) -> Contents:
        """Copy what a running container would change into the stage; return what was captured."""
        captured = self.captured(source, stage)
        with _explained("capture the container's files"):
            bundle = self._seen(captured.bundle)
            shutil.rmtree(self._seen(stage), ignore_errors=True)
            bundle.mkdir(parents=True, mode=0o700)
            self._take_bundle(self._seen(source.bundle), bundle)
            self._seen(source.checkpoint).rename(self._seen(captured.checkpoint))
            copied_before = _copied_before(self._seen(source.checkpoint))
            if copied_before.is_dir():
                copied_before.rename(_copied_before(self._seen(captured.checkpoint)))
            self._capture_shm(self._seen(source.bundle), captured)
            if source.upper is not None and captured.upper is not None:
                capture_tree(self._seen(source.upper), self._seen(captured.upper))
            for name, path in source.volumes.items():
                target = self._seen(captured.volumes[name])
                target.parent.mkdir(exist_ok=True, mode=0o700)
                capture_tree(self._seen(path), target)
            for source_path, path in source.bind_mounts.items():
                self._capture_bind(path, captured.bind_mounts[source_path])
        return captured

    def captured(self, source: Contents, stage: Path) -> Contents:
        """Return what an earlier :meth:`capture` of the same source has put into the stage."""
        return replace(
            source,
            bundle=stage / "bundle",
            checkpoint=stage / "checkpoint",
            upper=stage / "upper" if source.upper is not None else None,
            shm=stage / _SHM,
            volumes={name: stage / "volumes" / name for name in source.volumes},
            bind_mounts={
                path: stage / "binds" / str(number) / path.name
                for number, path in enumerate(sorted(source.bind_mounts))
            },
        )

    def store(
        self, contents: Contents, name: str, *, compression: str, progress: Callable[[int], None]
    ) -> Stored:
        """Write an archive under its final name; ``progress`` is told the bytes so far."""
        with _explained("write the archive"), self._store.writer(name) as file:
            written = write_archive(
                self._sources(contents),
                file,
                compression=Compression(compression),
                progress=progress,
            )
        return Stored(self._store.uri(name), written.size_bytes, written.digest)

    def exists(self, name: str) -> bool:
        """Whether the store has a complete archive of this name."""
        with _explained("look for the archive"):
            return self._store.exists(name)

    def adopt(self, name: str) -> Stored | None:
        """Return a complete archive of this name, read anew, if the store has one."""
        with _explained("read the archive"):
            if not self._store.exists(name):
                return None
            uri = self._store.uri(name)
            verified = verify(self._store.resolve(uri), None)
        return Stored(uri, verified.size_bytes, verified.digest)

    def discard_partial(self, name: str) -> None:
        """Remove what a write that was killed has left under this name."""
        with _explained("remove a part of an archive"):
            self._store.discard_partial(name)

    def discard(self, name: str) -> None:
        """Remove the archive of this name, complete or not, if it is there."""
        self.discard_partial(name)
        with _explained("remove the archive"):
            self._store.delete(self._store.uri(name))

    def directory_of(self, uri: str) -> str:
        """Return the first directory of the store that an archive is in; empty for none."""
        with _explained("look for the archive"):
            return self._store.directory_of(uri)

    def verify(self, uri: str, digest: str) -> Manifest:
        """Read an archive from end to end, and return what it says of its container."""
        with _explained("read the archive"):
            return _manifest(verify(self._store.resolve(uri), digest))

    def open_plain(self, uri: str, digest: str, *, end: int, copy: bool) -> Iterable[bytes]:
        """Yield what Podman gets of an archive; fail before its end if the digest is not this."""
        with _explained("read the archive"), open_plain(self._store.resolve(uri), digest) as plain:
            yield from beside_unit(up_to(plain, end), copy=copy)

    def lay_down(self, uri: str, digest: str, targets: Mapping[Path, Path]) -> None:
        """Lay the content of bind mounts down."""
        with _explained(f"lay the content of {listed(targets)} down"):
            index = bind_mounts_in(self._store.resolve(uri))
            wanted = {
                each.member: self._seen(targets[each.source])
                for each in index
                if each.source in targets
            }
            with open_plain(self._store.resolve(uri), digest) as plain:
                lay_members(plain, wanted)

    def sparse_files(self, uri: str) -> Sequence[SparseFile]:
        """Return the files of an archive that had holes, as its head tells."""
        with _explained("read the archive"):
            return sparse_files_in(self._store.resolve(uri))

    def delete(self, uri: str) -> None:
        """Remove an archive, if it is there."""
        with _explained("remove the archive"):
            self._store.delete(uri)

    def _capture_shm(self, bundle: Path, captured: Contents) -> None:
        """Copy the container's own ``/dev/shm``, if Podman has saved it and it can be seen here."""
        podmans = self._seen(captured.bundle) / members.DEVSHM
        if captured.shm is not None and podmans.exists() and (bundle / _SHM).is_mount():
            capture_tree(bundle / _SHM, self._seen(captured.shm))
            podmans.unlink()

    def _capture_bind(self, path: Path, target: Path) -> None:
        self._seen(target).parent.mkdir(parents=True, mode=0o700)
        if self._seen(path).is_dir():
            capture_tree(self._seen(path), self._seen(target))
        else:
            capture_file(self._seen(path), self._seen(target))

    def _take_bundle(self, bundle: Path, target: Path) -> None:
        for name in _MOVED:
            if (bundle / name).exists():
                (bundle / name).rename(target / name)
        if (bundle / members.LOG).exists():
            shutil.copyfile(bundle / members.LOG, target / members.LOG)
        if (bundle / members.ARTIFACTS).is_dir():
            capture_tree(bundle / members.ARTIFACTS, target / members.ARTIFACTS)

    def _sources(self, contents: Contents) -> ArchiveSources:
        bundle = self._seen(contents.bundle)
        checkpoint = self._seen(contents.checkpoint)
        shm = None if contents.shm is None else self._seen(contents.shm)
        refers = (checkpoint / members.PARENT).is_symlink()

        def optional(name: str) -> Path | None:
            return bundle / name if os.path.lexists(bundle / name) else None

        return ArchiveSources(
            checkpoint_dir=checkpoint,
            pre_checkpoint_dir=_copied_before(checkpoint) if refers else None,
            config_dump=bundle / members.CONFIG,
            spec_dump=bundle / members.SPEC,
            network_status=optional(members.NETWORK_STATUS),
            stats_dump=optional(members.STATISTICS),
            devshm_tar=optional(members.DEVSHM),
            devshm=shm if shm is not None and shm.is_dir() else None,
            artifacts_dir=optional(members.ARTIFACTS),
            log=optional(members.LOG),
            rootfs=None if contents.upper is None else self._rootfs(contents, contents.upper),
            volumes={name: self._seen(path) for name, path in contents.volumes.items()},
            bind_mounts={source: self._seen(path) for source, path in contents.bind_mounts.items()},
            origin=contents.origin,
        )

    def _rootfs(self, contents: Contents, upper: Path) -> RootfsDiff:
        lowers = tuple(self._seen(lower) for lower in contents.lowers)
        return RootfsDiff(self._seen(upper), lowers, whole=contents.whole_trees)

    def _seen(self, path: Path) -> Path:
        return self._root / path.relative_to("/")


def _manifest(verified: Verified) -> Manifest:
    metadata = verified.metadata
    return Manifest(
        container_id=metadata.id,
        container_name=metadata.name,
        image_id=metadata.image_id,
        image_name=metadata.image_name,
        runtime=metadata.runtime,
        endpoints=tuple(
            Endpoint(net.name, tuple(map(_address, net.addresses or net.static_ips)), net.mac)
            for net in metadata.networks
        ),
        asked_endpoints=tuple(
            Endpoint(net.name, net.static_ips, net.static_mac) for net in metadata.networks
        ),
        published=tuple(
            (port.host_ip, protocol, port.host_port + offset)
            for port in metadata.ports
            for offset in range(port.count)
            for protocol in port.protocol.split(",")
        ),
        volumes=tuple(volume.name for volume in metadata.volumes),
        unsaved_volumes=tuple(
            volume.name for volume in metadata.volumes if volume.name not in verified.volumes
        ),
        mount_sources=tuple(Path(mount.source) for mount in metadata.bind_mounts),
        bind_mounts=tuple(SavedBind(each.source, each.size_bytes) for each in verified.bind_mounts),
        podmans_bytes=verified.podmans_bytes,
        hole_bytes=sum(length for file in verified.sparse_files for _, length in file.holes),
        pod=metadata.pod,
        shared_namespaces=metadata.shared_namespaces,
        architecture=metadata.architecture,
        namespace=metadata.labels.get(NAMESPACE_LABEL),
        origin=metadata.origin,
        file_locks=verified.file_locks,
        connections=verified.connections,
    )


def _copied_before(checkpoint: Path) -> Path:
    """Return where memory lies that was copied before the dump; the images refer to it there."""
    return checkpoint.with_name(members.PRE_CHECKPOINT)


def _address(interface: str) -> str:
    """Return an address without the length of its prefix."""
    return interface.partition("/")[0]


@contextmanager
def _explained(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise from_os_error(error, doing) from error
