"""What the reconcilers ask of the host: cgroups, processes, and the files around a container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..decisions.facts import Container, Host, Processes, Space, SparseFile, StoredCheckpoint
from ..decisions.ghost import Held, Need
from ..decisions.starters import Starters
from .bind_port import BindSources


@dataclass
class Pause:
    """A time for which a container was held still."""

    seconds: float = 0.0
    """Its length, when it is over."""


class Machine(Protocol):
    """The host an agent runs on; :class:`~..host.machine.LocalMachine` is the real one."""

    def host(self) -> Host:
        """Return the versions and abilities of the host."""

    def known_host(self) -> Host:
        """Return what :meth:`host` said last, or says now."""

    def boot_id(self) -> str:
        """Return what changes with every boot."""

    def is_own(self, container: Container) -> bool:
        """Whether the agent runs in this container."""

    def cgroup(self, container: Container) -> Path:
        """Return the cgroup that CRIU is given for a running container."""

    def frozen(self, cgroup: Path, *, seconds: float) -> AbstractContextManager[Pause]:
        """Hold a cgroup's processes still for the time of a block."""

    def thaw(self, cgroup: Path) -> None:
        """Let a cgroup's processes go on, if it is there."""

    def is_dumped(self, container: Container) -> bool:
        """Whether CRIU holds a container's first process just now."""

    def processes(self, container: Container) -> Processes:
        """Return what the processes of a running container hold."""

    def environment(self, container: Container) -> tuple[str, ...]:
        """Return the variables that a container's processes get, as ``NAME=value``."""

    def end_session(self, container: Container, leader: int) -> None:
        """Kill a process that was started into a container, with what it has started itself."""

    def starters(self, container: Container) -> Starters:
        """Return what may start a container beside its users."""

    def symlinked_sources(self, container: Container) -> tuple[Path, ...]:
        """Return the sources of a container's mounts, Podman's own too, that are symbolic links."""

    def symlinks(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Return those of the paths that are symbolic links."""

    def missing(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Return those of the paths that do not exist."""

    def busy_ports(self, ports: Iterable[tuple[str, str, int]]) -> tuple[str, ...]:
        """Return those of (address, protocol, port) that something listens on."""

    def bind_sources(self) -> BindSources:
        """Return the sources of bind mounts on this host."""

    def stored_checkpoint(self, bundle: Path) -> StoredCheckpoint | None:
        """Return the state in a container's bundle, if there is any."""

    def note_origin(self, bundle: Path, origin: Mapping[str, str]) -> None:
        """Keep beside the state that a dump is about to leave what the host is at that time."""

    def tracks_memory(self) -> bool:
        """Whether kernel and CRIU can tell which memory changes after it was copied."""

    def unlock_network(self, container: Container) -> None:
        """Let packets pass in a running container's network that CRIU has locked."""

    def dump_statistics(self, bundle: Path) -> dict[str, int]:
        """Return CRIU's own statistics of the last dump, if they are there."""

    def clear_export_leftovers(self, bundle: Path) -> None:
        """Remove what an export left in the bundle; Podman would apply it at the next restore."""

    def clear_stored_checkpoint(self, bundle: Path, *, keep_log: bool = False) -> None:
        """Remove the images of a checkpoint from the bundle, and CRIU's logs unless kept."""

    def read_log(self, bundle: Path, name: str) -> bytes | None:
        """Return the head and tail of ``dump.log`` or ``restore.log``, if it is there."""

    def sync(self, paths: Iterable[Path]) -> None:
        """Make durable what was written to the file systems of these paths."""

    def space(self, purpose: str, path: Path, *, needed_bytes: int) -> Space:
        """Return the room at a path."""

    def make_holes(self, root: Path, files: Iterable[SparseFile]) -> Iterator[None]:
        """Make the holes of files below a root anew, where a restore has written zeros.

        Nobody may write to the files while a step of the iteration is done.
        """

    def tree_bytes(self, path: Path) -> int:
        """Return what a tree occupies on disk."""

    def stage(self, uid: str) -> Path:
        """Return the directory, on Podman's file system, for captured data of an operation."""

    def discard_stage(self, uid: str) -> None:
        """Remove the captured data of an operation, if there is any."""


class GhostLimits(Protocol):
    """CRIU's ghost limit on this host, shared by concurrent checkpoints."""

    def hold(self, container: Container, need: Need) -> AbstractContextManager[Held]:
        """Keep the limit that a container's dump needs in force for the time of a block."""
