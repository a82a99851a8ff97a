"""The traps of a checkpoint: what cannot be dumped, and what dumps but cannot be restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..criu.configuration import version
from .capabilities import work_of
from .facts import Container, Host, Processes, State
from .host_preflight import fitness_checks
from .preflight import Check, failed, listed, passed, warned

# CRIU before 4.2 asks for a socket option that the kernel removed in 6.16.
_SOCKET_OPTION_KERNEL: Final = (6, 16)
_SOCKET_OPTION_CRIU: Final = (4, 2)
_OLDEST_CRIU: Final = (3, 11)
_INIT_PROGRAMS: Final = ("catatonit", "tini", "dumb-init", "podman-init")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the spec asks for, as far as the checks depend on it."""

    leave_running: bool
    archive: bool
    tcp_established: bool
    file_locks: bool
    ignore_root_fs: bool
    commands: bool
    """Hooks run in the container."""


def container_checks(container: Container, wanted: Wanted) -> Iterator[Check]:
    """Checks that need no more than Podman's description of the container."""
    if container.state is State.RUNNING:
        yield passed("Running", f"container {container.name} is running")
    else:
        yield failed(
            "Running",
            f"container {container.name} is {container.state}",
            Cause.CONTAINER_NOT_RUNNING,
            "Only a running container can be checkpointed: start it, or unpause it, and create a"
            " new ContainerCheckpoint",
        )
    if container.auto_remove and wanted.leave_running:
        yield warned(
            "RemovedOnExit",
            f"container {container.name} was started with --rm: Podman copies its whole state once"
            " more while it is held still, and removes it, restored too, when it stops",
            "Create the container anew without --rm for a shorter pause",
        )
    elif container.auto_remove:
        yield failed(
            "RemovedOnExit",
            f"container {container.name} was started with --rm: Podman removes it and its state"
            " when it stops",
            Cause.REMOVED_ON_EXIT,
            Setting(
                "spec.leaveRunning: true and spec.archive",
                otherwise="create the container anew without --rm"
                + (", which Quadlets have: see docs/quadlets.md" if container.unit else ""),
            ),
        )
    else:
        yield passed("RemovedOnExit", "not started with --rm")
    if container.user_namespace:
        yield failed(
            "UserNamespace",
            "the container has a user namespace of its own; it could not be restored",
            Cause.USER_NAMESPACE,
            "Run the container without --uidmap, --gidmap and --userns",
        )
    else:
        yield passed("UserNamespace", "none of its own")
    if container.exec_sessions:
        yield warned(
            "ExecSessions",
            f"{len(container.exec_sessions)} podman exec sessions (health checks are such) are not"
            " part of a checkpoint",
            "End those that matter first: they do not come back",
        )
    else:
        yield passed("ExecSessions", "none")
    if container.health_check:
        yield warned(
            "HealthCheck",
            "the container has a health check, whose runs are not part of a checkpoint; Podman"
            " does not begin them again before the container's next start",
            "Run podman healthcheck run by a timer of your own after a restore",
        )
    else:
        yield passed("HealthCheck", "none")


def mount_checks(
    container: Container, symlinks: Sequence[Path], *, archive: bool, carried: Sequence[Path] = ()
) -> Iterator[Check]:
    """Checks of what is mounted: which sources are links, and which the archive carries."""
    init = [path for path in symlinks if container.init and path.name in _INIT_PROGRAMS]
    others = [path for path in symlinks if path not in init]
    if init:
        yield failed(
            "Init",
            f"--init mounts {init[0]}, a symbolic link; the container could be checkpointed but not"
            " restored",
            Cause.SYMLINKED_INIT,
            "Set init_path in containers.conf to the link's target and create the container anew",
        )
    else:
        yield passed("Init", "not used" if not container.init else "no symbolic link")
    if others:
        yield failed(
            "MountSources",
            f"the source of a mount is a symbolic link: {listed(others)}; the container could be"
            " checkpointed but not restored",
            Cause.SYMLINKED_MOUNT_SOURCE,
            "Run the container with the link's target as the source: realpath SOURCE tells it",
        )
    else:
        yield passed("MountSources", "no symbolic links")
    binds = [mount.source for mount in container.mounts if mount.type == "bind"]
    # Podman assembles these in the bundle when a container starts, and takes them apart when it
    # stops; no restore puts them together again.
    assembled = [
        mount.destination
        for mount in container.mounts
        if mount.type == "bind" and mount.source.is_relative_to(container.bundle / "overlay")
    ]
    if assembled:
        yield failed(
            "OverlayMounts",
            f"an image or an overlay is mounted at {listed(assembled)}; the container could be"
            " checkpointed but not restored",
            Cause.UNSUPPORTED_MOUNT,
            "Run the container without --mount type=image and without :O on its volumes",
        )
        return
    yield passed("OverlayMounts", "none")
    left_out = [each for each in binds if not any(map(each.is_relative_to, carried))]
    if archive and left_out:
        yield warned(
            "BindMounts",
            f"the content of bind mounts is not in the archive: {listed(left_out)}",
            Setting(
                "spec.archive.bindMounts: Include, where status.volumes tells that this would carry"
                " it",
                rather="have it there on the host that restores the archive",
            ),
        )
    elif archive:
        yield passed("BindMounts", "all are carried" if binds else "none")


def own_container_check(own: bool) -> Check:
    """Check that the agent does not run in the container: it would hold or stop itself."""
    if not own:
        return passed("Itself", "the agent runs elsewhere")
    return failed(
        "Itself",
        "the agent that takes this host's checkpoints runs in this container",
        Cause.INVALID_SPEC,
        "It needs no checkpoint: what it has begun is on the host's disk, and it goes on from there"
        " when it is started anew",
    )


def host_checks(container: Container, host: Host, wanted: Wanted) -> Iterator[Check]:
    """Checks of what the host can do."""
    work = work_of(
        archive=wanted.archive,
        commands=wanted.commands,
        shared_network=bool(container.network_of) and not wanted.leave_running,
    )
    yield from fitness_checks(host, container.runtime, work)
    if wanted.leave_running and host.cgroup_version != "v2":
        yield failed(
            "Freezer",
            f"the host has cgroups {host.cgroup_version}; a running container is frozen through v2",
            Cause.CANNOT_FREEZE,
            Setting("spec.leaveRunning: false", rather="boot the host with cgroup v2"),
        )
    elif wanted.leave_running:
        yield passed("Freezer", "cgroup v2")
    if wanted.archive and not wanted.ignore_root_fs and container.upper is None:
        yield failed(
            "StorageDriver",
            f"the file system of a container on storage driver {container.storage_driver} cannot be"
            " captured",
            Cause.UNSUPPORTED_STORAGE_DRIVER,
            Setting(
                "spec.ignoreRootFS: true", rather="use the overlay or vfs driver with one store"
            ),
        )
    elif wanted.archive:
        yield passed("StorageDriver", container.storage_driver)


def cannot_save_sockets(host: Host) -> bool:
    """Whether CRIU is too old for the kernel: it cannot save IP sockets."""
    return (
        version(host.kernel_version) >= _SOCKET_OPTION_KERNEL
        and version(host.criu_version) < _SOCKET_OPTION_CRIU
    )


def criu_check(host: Host, processes: Processes) -> Check:
    """Check that the host's CRIU can save these processes on its kernel."""
    seen = f"CRIU {host.criu_version} on kernel {host.kernel_version}"
    if version(host.criu_version) < _OLDEST_CRIU:
        return failed(
            "CRIU",
            f"{seen} is older than Podman accepts",
            Cause.CRIU_TOO_OLD,
            "Install CRIU 4.2 or newer on the host",
        )
    if not cannot_save_sockets(host):
        return passed("CRIU", seen)
    if processes.internet_sockets:
        return failed(
            "CRIU",
            f"{seen} cannot save IP sockets, and the container has some",
            Cause.CRIU_TOO_OLD,
            "Install CRIU 4.2 or newer, which this kernel needs",
        )
    return warned(
        "CRIU",
        f"{seen} cannot save IP sockets; the container has none just now",
        "Install CRIU 4.2 or newer, which this kernel needs",
    )


def process_checks(processes: Processes, wanted: Wanted) -> Iterator[Check]:
    """Checks of what the processes hold."""
    connections = processes.established_tcp
    if connections and not wanted.tcp_established:
        yield failed(
            "TCPConnections",
            f"{len(connections)} established TCP connections: {listed(connections)}",
            Cause.TCP_ESTABLISHED,
            Setting(
                "spec.tcpEstablished: true in the checkpoint and in the restore",
                otherwise="close them",
            ),
        )
    else:
        yield passed("TCPConnections", f"{len(connections)} established")
    if processes.file_locks and not wanted.file_locks:
        yield failed(
            "FileLocks",
            f"the container's processes hold file locks: {listed(processes.file_locks, most=2)}",
            Cause.FILE_LOCKS,
            Setting("spec.fileLocks: true in the checkpoint and in the restore"),
        )
    else:
        yield passed("FileLocks", f"{len(processes.file_locks)} held")
    yield from _unix_checks(processes)


def _unix_checks(processes: Processes) -> Iterator[Check]:
    """Checks that no UNIX connection is cut in two: CRIU must save both ends of it."""
    if processes.outside_connections:
        yield failed(
            "UnixSockets",
            "the container is connected to a process outside it:"
            f" {listed(processes.outside_connections)}",
            Cause.EXTERNAL_UNIX_SOCKET,
            "Have the program close the connection, or run the container without the mount that"
            " this socket is in",
        )
    if processes.session_connections:
        yield failed(
            "UnixSockets",
            "a podman exec session or a health check is connected to the container's own process:"
            f" {listed(processes.session_connections)}",
            Cause.EXEC_SESSION,
            "End the session: leave the program that podman exec runs, or suspend the health check"
            " with podman update --no-healthcheck (Podman 5.4 or newer)",
        )
    if not processes.outside_connections and not processes.session_connections:
        yield passed("UnixSockets", "no connection leads out of the container")
