"""The host an agent runs on: :class:`~..reconcilers.machine_port.Machine` for real."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..api.names import ORIGIN_FILE
from ..criu import log as criu_log
from ..criu.log import LOG_NAMES
from ..criu.statistics import decode_dump
from ..decisions.facts import Container, Host, Processes, Space, SparseFile, StoredCheckpoint
from ..decisions.starters import Starters
from ..reconcilers.machine_port import Pause
from . import files, network_lock, systemd
from .bind_sources import BindSources
from .description import HostDescription
from .freezer import Freezer, thaw
from .holes import make_holes
from .namespaces import socket_in
from .processes import is_traced, look_at
from .sessions import end_session
from .units import HostUnits

# Everything that Podman keeps in a bundle of a checkpoint beside the images, by its sources, and
# our note.
_CHECKPOINT_FILES: Final = (
    "checkpoint",
    "pre-checkpoint",
    "irmap-cache",
    "stats-dump",
    "stats-restore",
    "config.dump",
    "spec.dump",
    "network.status",
    "devshm-checkpoint.tar",
    ORIGIN_FILE,
)
_PODMAN_ALIVE: Final = Path("/run/libpod/alive")
_PODMAN_RESTART: Final = "podman-restart.service"
_EXPORT_LEFTOVERS: Final = ("rootfs-diff.tar", "deleted.files")


class LocalMachine:
    """The host whose file system is mounted at a root, ``/`` unless the agent is in a container.

    Args:
        root: where the host's file system is.
        description: of that host.
        units: of that host.
    """

    def __init__(self, root: Path, description: HostDescription, units: HostUnits) -> None:
        self._root = root
        self._units = units
        self._description = description
        # Processes are looked at through the agent's own /proc: it shares the host's PID namespace.
        self._proc = Path("/proc")
        self._freezer = Freezer(proc=self._proc, cgroup_root=self._seen(Path("/sys/fs/cgroup")))

    def host(self) -> Host:
        """Return the versions and abilities of the host, as they are now."""
        return self._description.current()

    def known_host(self) -> Host:
        """Return what :meth:`host` said last; an operation has asked it at its beginning."""
        return self._description.known()

    def boot_id(self) -> str:
        """Return what changes with every boot."""
        return (self._proc / "sys/kernel/random/boot_id").read_text().strip()

    def is_own(self, container: Container) -> bool:
        """Whether this process is in a container's mount namespace, as none but its own are."""
        namespace = self._proc / str(container.pid) / "ns/mnt"
        try:
            return namespace.samefile(self._proc / "self/ns/mnt")
        except OSError:  # it does not run
            return False

    def cgroup(self, container: Container) -> Path:
        """Return the cgroup that CRIU is given for a running container."""
        return self._freezer.cgroup_of(container.pid, container.id)

    def frozen(self, cgroup: Path, *, seconds: float) -> AbstractContextManager[Pause]:
        """Hold a cgroup's processes still for the time of a block."""
        return self._freezer.frozen(cgroup, seconds=seconds)

    def thaw(self, cgroup: Path) -> None:
        """Let a cgroup's processes go on, if it is there."""
        thaw(cgroup)

    def sweep(self) -> None:
        """Remove what guards that were killed have left."""
        self._freezer.sweep()

    def is_dumped(self, container: Container) -> bool:
        """Whether CRIU holds a container's first process just now."""
        return is_traced(self._proc, container.pid)

    def processes(self, container: Container) -> Processes:
        """Return what the processes of a running container hold."""
        return look_at(proc=self._proc, cgroup=self.cgroup(container), init=container.pid)

    def environment(self, container: Container) -> tuple[str, ...]:
        """Return the variables that a container's processes get, as ``NAME=value``.

        Podman's own description of a container leaves out those that it makes of secrets.
        """
        return tuple(self._runtime_config(container)["process"]["env"])

    def end_session(self, container: Container, leader: int) -> None:
        """Kill a process that was started into a container, with what it has started itself."""
        end_session(proc=self._proc, cgroup=self.cgroup(container), leader=leader)

    def starters(self, container: Container) -> Starters:
        """Return what may start a container beside its users."""
        starters = Starters(systemd.is_enabled(self._root, _PODMAN_RESTART))
        return self._units.look(container.unit, starters) if container.unit else starters

    def symlinked_sources(self, container: Container) -> tuple[Path, ...]:
        """Return the sources of a container's mounts, Podman's own too, that are symbolic links."""
        sources = [mount.source for mount in container.mounts if mount.type == "bind"]
        with suppress(OSError, ValueError, KeyError):
            sources += [
                Path(mount["source"])
                for mount in self._runtime_config(container)["mounts"]
                if mount.get("type") == "bind" and mount["source"].startswith("/")
            ]
        return self.symlinks(dict.fromkeys(sources))

    def symlinks(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Return those of the paths that are symbolic links."""
        return tuple(path for path in paths if self._seen(path).is_symlink())

    def missing(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Return those of the paths that do not exist."""
        return tuple(path for path in paths if not self._seen(path).exists())

    def busy_ports(self, ports: Iterable[tuple[str, str, int]]) -> tuple[str, ...]:
        """Return those of (address, protocol, port) that something listens on."""
        return tuple(
            f"{address or '*'}:{port}/{protocol}"
            for address, protocol, port in ports
            if _is_bound(self._proc / "1/ns/net", address, protocol, port)
        )

    def bind_sources(self) -> BindSources:
        """Return the sources of bind mounts on this host."""
        return BindSources(self._root)

    def stored_checkpoint(self, bundle: Path) -> StoredCheckpoint | None:
        """Return the state in a container's bundle, if there is any."""
        images = self._seen(bundle) / "checkpoint"
        inventory = images / "inventory.img"
        try:
            taken_at = datetime.fromtimestamp(inventory.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None
        log = self.read_log(bundle, "dump.log")
        return StoredCheckpoint(
            complete=_has_its_parent(images) and (log is None or criu_log.finished(log)),
            taken_at=taken_at,
            file_locks=(images / "filelocks.img").exists(),
            connections=any(images.glob("tcp-stream-*.img")),
            logged=log is not None,
            since_boot=taken_at >= self._podman_booted_at(),
            left_running=log is not None and criu_log.left_running(log),
            origin=self._origin(bundle),
        )

    def note_origin(self, bundle: Path, origin: Mapping[str, str]) -> None:
        """Keep beside the state that a dump is about to leave what the host is at that time."""
        content = json.dumps(dict(origin)).encode()
        files.replace_file(self._seen(bundle) / ORIGIN_FILE, content, mode=0o600)

    def _origin(self, bundle: Path) -> dict[str, str]:
        noted = files.read_object(self._seen(bundle) / ORIGIN_FILE) or {}
        return {key: value for key, value in noted.items() if isinstance(value, str)}

    def tracks_memory(self) -> bool:
        """Whether kernel and CRIU can tell which memory changes after it was copied."""
        return self._description.tracks_memory()

    def unlock_network(self, container: Container) -> None:
        """Let packets pass in a running container's network that CRIU has locked."""
        network_lock.unlock(self._root, container.pid)

    def dump_statistics(self, bundle: Path) -> dict[str, int]:
        """Return CRIU's own statistics of the last dump, if they are there."""
        try:
            return asdict(decode_dump((self._seen(bundle) / "stats-dump").read_bytes()))
        except (OSError, ValueError):
            return {}

    def _podman_booted_at(self) -> datetime:
        """When Podman was first used since the host booted, and forgot what had been running."""
        with suppress(OSError):
            return datetime.fromtimestamp(self._seen(_PODMAN_ALIVE).stat().st_mtime, UTC)
        return datetime.max.replace(tzinfo=UTC)

    def clear_export_leftovers(self, bundle: Path) -> None:
        """Remove what an export left in the bundle; Podman would apply it at the next restore."""
        for name in _EXPORT_LEFTOVERS:
            files.remove_tree(self._seen(bundle) / name)

    def clear_stored_checkpoint(self, bundle: Path, *, keep_log: bool = False) -> None:
        """Remove the images of a checkpoint from the bundle, and CRIU's logs unless kept."""
        # The inventory first: without it nobody takes what is left for a state to restore.
        (self._seen(bundle) / "checkpoint" / "inventory.img").unlink(missing_ok=True)
        for name in _CHECKPOINT_FILES if keep_log else (*_CHECKPOINT_FILES, *LOG_NAMES.values()):
            files.remove_tree(self._seen(bundle) / name)

    def read_log(self, bundle: Path, name: str) -> bytes | None:
        """Return the head and tail of ``dump.log`` or ``restore.log``, if it is there."""
        try:
            with (self._seen(bundle) / name).open("rb") as log:
                return criu_log.read_ends(log)
        except OSError:
            return None

    def sync(self, paths: Iterable[Path]) -> None:
        """Make durable what was written to the file systems of these paths."""
        files.sync_file_systems(self._seen(path) for path in paths)

    def space(self, purpose: str, path: Path, *, needed_bytes: int) -> Space:
        """Return the room at a path."""
        free_bytes, device = files.room(self._seen(path))
        return Space(purpose, path, free_bytes, needed_bytes, device)

    def make_holes(self, root: Path, files: Iterable[SparseFile]) -> Iterator[None]:
        """Make the holes of files below a root anew, step by step."""
        return make_holes(self._seen(root), files)

    def tree_bytes(self, path: Path) -> int:
        """Return what a tree occupies on disk."""
        return files.tree_bytes(self._seen(path))

    def stage(self, uid: str) -> Path:
        """Return the directory, on Podman's file system, for captured data of an operation."""
        return self._stages() / uid

    def discard_stage(self, uid: str) -> None:
        """Remove the captured data of an operation, if there is any."""
        files.remove_tree(self._seen(self.stage(uid)))

    def _runtime_config(self, container: Container) -> Any:
        """What the runtime was told when the container was started or restored."""
        return json.loads((self._seen(container.bundle) / "config.json").read_text())

    def _stages(self) -> Path:
        # In Podman's store, which may be a mount point: captures are renamed and reflinked from it.
        return self.known_host().graph_root / "podman-checkpoint"

    def _seen(self, path: Path) -> Path:
        return files.below(self._root, path)


def _has_its_parent(images: Path) -> bool:
    """Whether the memory that was copied before the dump, if any, is still beside its images."""
    parent = images / "parent"
    return not parent.is_symlink() or (parent / "inventory.img").exists()


def _is_bound(network: Path, address: str, protocol: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket_in(network, family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # Connections of a listener that is gone do not keep the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
