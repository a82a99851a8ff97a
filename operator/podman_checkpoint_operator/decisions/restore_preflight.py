"""The traps of a restore, found before the target is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from .archive_preflight import Saved
from .capabilities import Work
from .checkpoint_preflight import cannot_save_sockets
from .facts import Container, Host, State, StoredCheckpoint, Target
from .host_preflight import lacking_for_tcp_close
from .preflight import Check, failed, listed, passed, warned
from .recovery import is_stale
from .rights import rights_checks

STOP_LISTENERS: Final = (
    "stop what listens there; after a failed restore it may be the Podman service itself:"
    " systemctl restart podman.service"
)
_CLOCK: Final = timedelta(seconds=2)
"""Status holds whole seconds."""


@dataclass(frozen=True)
class Interval:
    """From the beginning to the end of a ContainerCheckpoint, by its status."""

    start: datetime
    end: datetime


def option_checks(
    host: Host, *, tcp_close: bool, runtime: str, work: Iterable[Work]
) -> Iterator[Check]:
    """Checks that the agent may do its work, and Podman and the container's runtime know theirs.

    An older Podman ignores what it does not know; a runtime ends with its usage.
    """
    yield from rights_checks(host.rights, work)
    lacking = lacking_for_tcp_close(host, Path(runtime).name) if tcp_close else ""
    if lacking:
        yield failed(
            "Options",
            f"tcpClose needs Podman 5.7 and crun 1.23, or newer; {lacking}",
            Cause.UNSUPPORTED_OPTION,
            Setting(
                "spec.tcpClose: false, and spec.tcpEstablished: true if the checkpoint holds"
                " connections"
            ),
        )
    else:
        yield passed("Options", f"known to Podman {host.podman_version}")
    if host.rootless:
        yield failed(
            "Rootful",
            "this Podman runs rootless; CRIU needs root",
            Cause.ROOTLESS,
            "Point the agent at the rootful socket: PODMAN_CHECKPOINT_PODMAN_URL",
        )
    seen = f"CRIU {host.criu_version} on kernel {host.kernel_version}"
    if not host.criu_version:
        yield failed(
            "CRIU",
            "CRIU is not installed on the host",
            Cause.RUNTIME_WITHOUT_CRIU,
            "Install criu, not older than the one that made the checkpoint",
        )
    elif cannot_save_sockets(host):
        yield warned(
            "CRIU",
            f"{seen} cannot save IP sockets",
            "Install CRIU 4.2 or newer before the container is checkpointed again",
        )
    else:
        yield passed("CRIU", seen)


def local_checks(
    container: Container, stored: StoredCheckpoint | None, taken: Interval | None
) -> Iterator[Check]:
    """Checks of the state that was left on this host.

    Args:
        container: the container to go on.
        stored: what lies in its bundle.
        taken: when the checkpoint that is asked for was made; None asks for whatever is there.
    """
    if container.state in (State.RUNNING, State.PAUSED):
        yield failed(
            "NotRunning",
            f"container {container.name} is {container.state}",
            Cause.CONTAINER_RUNNING,
            Setting("spec.existingContainer: Adopt to accept it as it is", otherwise="stop it"),
        )
        return
    if stored is None or not stored.complete:
        yield failed(
            "StoredCheckpoint",
            f"there is no complete state of container {container.name} on this host",
            Cause.CHECKPOINT_MISSING,
            "Restore from a ContainerCheckpoint with an archive, or start the container afresh",
        )
        return
    if is_stale(stored, container):
        yield failed(
            "StoredCheckpoint",
            f"container {container.name} ran after its state was saved at {stored.taken_at:%F %T}"
            " UTC: its files have moved on",
            Cause.CHECKPOINT_STALE,
            "Start the container with podman start, or restore an archive under a new name",
        )
    elif taken and not taken.start - _CLOCK <= stored.taken_at <= taken.end + _CLOCK:
        yield failed(
            "StoredCheckpoint",
            f"the state on this host was saved at {stored.taken_at:%F %T} UTC, not by this"
            " checkpoint",
            Cause.CHECKPOINT_STALE,
            "Restore from the ContainerCheckpoint that was made last",
        )
    else:
        yield passed("StoredCheckpoint", f"saved at {stored.taken_at:%F %T} UTC")


def file_lock_checks(*, saved: bool, wanted: bool) -> Iterator[Check]:
    """Checks that file locks come back: without the option, CRIU drops them without a word."""
    if saved and not wanted:
        yield failed(
            "FileLocks",
            "the container's processes held file locks, which would not be restored",
            Cause.FILE_LOCKS,
            Setting("spec.fileLocks: true"),
        )
    else:
        yield passed("FileLocks", "in the checkpoint" if saved else "none in the checkpoint")


def connection_checks(*, saved: bool, wanted: bool) -> Iterator[Check]:
    """Checks that CRIU is told what to do with connections; refused late, their ports stay taken.

    Args:
        saved: the state holds established connections.
        wanted: the spec says whether to keep or to close them.
    """
    if saved and not wanted:
        yield failed(
            "TCPConnections",
            "the container had established TCP connections, which the restore is not told to keep",
            Cause.TCP_ESTABLISHED,
            Setting(
                "spec.tcpEstablished: true, as in the checkpoint; or, to close them instead,"
                " spec.tcpClose: true (Podman 5.7 or newer)"
            ),
        )
    else:
        yield passed("TCPConnections", "in the checkpoint" if saved else "none in the checkpoint")


def target_checks(saved: Saved, target: Target, *, ignore_volumes: bool) -> Iterator[Check]:
    """Checks that what the container needs is there, and that what it will take is free."""
    yield from _image_checks(saved, target)
    yield network_check(target.missing_networks)
    if target.existing_volumes and not ignore_volumes:
        yield failed(
            "Volumes",
            f"these volumes exist already on this host: {listed(target.existing_volumes)}",
            Cause.VOLUME_IN_USE,
            Setting("spec.ignoreVolumes: true to use them as they are", otherwise="remove them"),
        )
    else:
        yield passed("Volumes", "none in the way")
    yield from mount_source_checks(target.missing_mount_sources, target.symlinked_mount_sources)
    yield port_check(
        target.busy_ports, Setting("spec.publishPorts to free ports", otherwise=STOP_LISTENERS)
    )


def network_check(missing: Sequence[str]) -> Check:
    """Check that the container's networks are there."""
    if not missing:
        return passed("Networks", "on this host")
    return failed(
        "Networks",
        f"missing on this host: {listed(missing)}",
        Cause.NETWORK_MISSING,
        f"Create it: podman network create {missing[0]}",
    )


def port_check(busy: Sequence[str], remedy: str = f"S{STOP_LISTENERS[1:]}") -> Check:
    """Check that nothing listens on the ports that the container publishes."""
    if not busy:
        return passed("Ports", "free on this host")
    return failed(
        "Ports",
        f"in use on this host: {listed(busy)}",
        Cause.PORT_IN_USE,
        remedy,
    )


def mount_source_checks(missing: Sequence[Path], symlinked: Sequence[Path]) -> Iterator[Check]:
    """Checks of what must be there to be mounted into the container."""
    if missing:
        yield failed(
            "MountSources",
            f"missing on this host: {listed(missing)}",
            Cause.MOUNT_SOURCE_MISSING,
            "Create it with the content it had on the host of the checkpoint",
        )
    if symlinked:
        yield failed(
            "MountSources",
            f"symbolic links on this host: {listed(symlinked)}",
            Cause.SYMLINKED_MOUNT_SOURCE,
            "Put the directory or file itself at this path",
        )
    if not missing and not symlinked:
        yield passed("MountSources", "all there")


def conflict_checks(target: Target, *, name: str) -> Iterator[Check]:
    """Checks that no container has the name or the ID that the restored one will have."""
    if target.container_by_id is not None:
        other = target.container_by_id
        yield failed(
            "ContainerID",
            f"the container itself is on this host: {other.name}, {other.state}",
            Cause.ID_IN_USE,
            Setting(
                "spec.name to restore it as a second container, or spec.existingContainer: Adopt to"
                " keep it, or Replace to remove it first"
            ),
        )
    elif target.container_by_name is not None:
        other = target.container_by_name
        yield failed(
            "ContainerName",
            f"another container is called {name}: {other.id[:12]}, {other.state}",
            Cause.NAME_IN_USE,
            Setting("spec.name, or spec.existingContainer: Replace to remove that container first"),
        )
    else:
        yield passed("ContainerName", f"{name} is free")


def _image_checks(saved: Saved, target: Target) -> Iterator[Check]:
    if not target.image_present:
        yield failed(
            "Image",
            f"image {saved.image_name} ({saved.image_id[:12]}) is not on this host",
            Cause.IMAGE_MISSING,
            "Pull or load exactly this image: the ID must be the same",
        )
    elif not target.image_tag_matches:
        yield failed(
            "Image",
            f"{saved.image_name} is not image {saved.image_id[:12]} on this host",
            Cause.IMAGE_MISSING,
            f"podman tag {saved.image_id[:12]} {saved.image_name}",
        )
    else:
        yield passed("Image", f"{saved.image_name} ({saved.image_id[:12]})")
