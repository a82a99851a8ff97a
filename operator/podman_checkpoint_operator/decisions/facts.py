"""What was observed of a host and a container: the input of every rule.

Paths are as the host sees them; the agent may see them below a prefix (its ``HOST_ROOT``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from .rights import ALL_RIGHTS, Rights


class State(StrEnum):
    """Podman's container states that rules distinguish."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    EXITED = "exited"
    OTHER = "other"


class PathKind(StrEnum):
    """What is at a path of the host, as far as rules distinguish it."""

    ABSENT = "absent"
    EMPTY_DIRECTORY = "empty directory"
    DIRECTORY = "directory"
    FILE = "file"
    OTHER = "other"


@dataclass(frozen=True)
class Mount:
    """What is mounted into a container: a bind mount, a named volume, an image."""

    type: str
    source: Path
    """On the host; but where an image is mounted, its name."""
    destination: Path
    name: str = ""
    writable: bool = True

    @property
    def shared_as(self) -> str:
        """What another container would mount to see the same: a volume's name, or the source."""
        return self.name or str(self.source)


Extent = tuple[int, int]
"""Where a part of a file begins and how long it is, in bytes."""


@dataclass(frozen=True)
class SparseFile:
    """A file with holes, in the root file system or on a named volume."""

    volume: str
    """Empty for the root file system."""
    name: str
    """Relative to the root of that; bytes that are not UTF-8 as ``surrogateescape`` has them."""
    holes: tuple[Extent, ...]


@dataclass(frozen=True)
class RestartPolicy:
    """When Podman starts a container again by itself: after its end, or when the host boots."""

    name: str
    retries: int = 0
    """How often ``on-failure`` tries; 0 is without limit."""


@dataclass(frozen=True)
class Container:
    """One container as Podman reports it."""

    id: str
    name: str
    image: str
    image_id: str
    runtime: str
    state: State
    pid: int
    started_at: datetime
    finished_at: datetime
    bundle: Path
    """``.../overlay-containers/<ID>/userdata``: CRIU's images and logs are in and below it."""
    storage_driver: str
    upper: Path | None
    """The writable layer; None where Podman's storage driver has none that could be captured."""
    lowers: tuple[Path, ...]
    """The layers of the image, topmost first."""
    mounts: tuple[Mount, ...]
    auto_remove: bool
    init: bool
    user_namespace: bool
    pod: str
    """The ID of its pod, empty if it is in none."""
    annotations: Mapping[str, str]
    exec_sessions: tuple[str, ...]
    whole_trees: bool = False
    """Each layer is a whole tree, and ``lowers`` the image's one (vfs), instead of an overlay's."""
    health_check: bool = False
    """Whether Podman runs a health check of it."""
    infra: bool = False
    """It holds the namespaces of its pod, and does nothing else."""
    joined: tuple[str, ...] = ()
    """IDs of the containers whose namespaces it is in: of a pod, the infra container."""
    network_of: str = ""
    """ID of the one of them whose network it is in."""
    dependencies: tuple[str, ...] = ()
    """IDs of all containers that must run before it: the joined ones, and those it requires."""
    published: tuple[tuple[str, str, int], ...] = ()
    """Address, protocol and port of each published port on the host."""
    checkpointed: bool = False
    """Whether Podman knows that a checkpoint has stopped it; forgotten at the next boot."""
    restart_policy: RestartPolicy = RestartPolicy("no")
    namespace: str | None = None
    """Whose resources only may touch it, by its label; None without one."""
    unit: str = ""
    """The systemd unit, a Quadlet's also, that runs it."""
    conmon_pid_file: Path | None = None
    """Where Podman writes which process watches over it while it runs."""

    @property
    def mount_sources(self) -> tuple[Path, ...]:
        """The files and directories of the host that are mounted into it."""
        return tuple(mount.source for mount in self.mounts if mount.source.is_absolute())


@dataclass(frozen=True)
class Pod:
    """A pod of this host."""

    id: str
    name: str
    infra_id: str
    """Empty for one without an infra container."""
    shared: tuple[str, ...]
    """Namespaces that its containers share: ``ipc``, ``net``, ``uts``, ``pid``, ``cgroup``."""
    members: tuple[str, ...] = ()
    """Names of its running containers, without the infra container."""
    unit: str = ""
    """The systemd unit that has made it, if one has."""


@dataclass(frozen=True)
class Host:
    """One Podman host, as far as checkpoints depend on it."""

    podman_version: str
    criu_version: str
    """Empty when CRIU is not installed."""
    kernel_version: str
    architecture: str
    runtime: str
    runtime_version: str
    rootless: bool
    cgroup_version: str
    graph_root: Path
    storage_driver: str
    copy_dir: Path = Path("/var/tmp")
    """Where Podman makes its exports, and puts archives that are sent to it."""
    cpu_features: frozenset[str] = frozenset()
    """The instructions that programs may use; empty where they are not known."""
    rights: Rights = ALL_RIGHTS

    @property
    def runtime_supports_criu(self) -> bool:
        """Whether the OCI runtime was built with CRIU; only crun says so in its version."""
        return self.runtime != "crun" or "+CRIU" in self.runtime_version


@dataclass(frozen=True)
class OpenFile:
    """A deleted file that a process still holds open or mapped: CRIU calls it a ghost file."""

    path: str
    size_bytes: int


@dataclass(frozen=True)
class Processes:
    """What the container's processes hold, read from ``/proc`` before the container is touched."""

    pids: tuple[int, ...] = ()
    memory_bytes: int = 0
    """What CRIU would save of their memory, swapped pages too."""
    tmpfs_bytes: int = 0
    """What lies in the container's own tmpfs mounts."""
    ghost_files: tuple[OpenFile, ...] = ()
    established_tcp: tuple[str, ...] = ()
    """``local -> remote`` of each established TCP connection."""
    internet_sockets: bool = False
    """Whether they have any IP socket, listening ones too."""
    file_locks: tuple[str, ...] = ()
    """``path: lock`` of each lock, the lock in the words of ``/proc/locks``."""
    outside_connections: tuple[str, ...] = ()
    """UNIX connections to processes outside the container, by the name of the socket."""
    session_connections: tuple[str, ...] = ()
    """UNIX connections to processes that were started into the container from outside."""
    cgroup_watches: tuple[str, ...] = ()
    """Files of control groups that are watched, in ways that CRIU does not restore."""


@dataclass(frozen=True)
class Space:
    """Free bytes of a file system that an operation writes to, and what it needs there."""

    purpose: str
    path: Path
    free_bytes: int
    needed_bytes: int
    device: int = 0
    """Tells file systems apart; 0 is not told."""


@dataclass(frozen=True)
class StoredCheckpoint:
    """CRIU's images in the bundle, where Podman keeps the state of a stopped container."""

    complete: bool
    """``inventory.img`` is there and, where the log was kept, it says that the dump finished."""
    taken_at: datetime
    file_locks: bool = False
    """Whether its processes held file locks."""
    connections: bool = False
    """Whether its processes had established TCP connections."""
    logged: bool = False
    """Whether CRIU's log was kept, or Podman did not come to remove it."""
    since_boot: bool = False
    """Whether it was taken since the host booted, and Podman's word of it still counts."""
    left_running: bool = False
    """Whether the log, where it was kept, says that the processes went on after the dump."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """What the agent noted before it dumped the container, perhaps in an earlier run of it."""


@dataclass(frozen=True)
class Endpoint:
    """A container's place in a network: IP addresses, without the lengths of their prefixes."""

    network: str
    addresses: tuple[str, ...] = ()
    mac: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A running container of this host that holds addresses in a network."""

    id: str
    name: str
    endpoint: Endpoint


@dataclass(frozen=True)
class Network:
    """A network of this host."""

    name: str
    subnets: tuple[str, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Target:
    """What a restore finds on its host of the things that the restored container will use."""

    container_by_name: Container | None = None
    container_by_id: Container | None = None
    image_present: bool = True
    image_tag_matches: bool = True
    missing_networks: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    """Those of the container that are there."""
    existing_volumes: tuple[str, ...] = ()
    missing_mount_sources: tuple[Path, ...] = ()
    symlinked_mount_sources: tuple[Path, ...] = ()
    busy_ports: tuple[str, ...] = ()
    spaces: tuple[Space, ...] = field(default=())
