"""What the reconcilers ask of Podman, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ..decisions.container_list import ListedContainer
from ..decisions.facts import Container, Endpoint, Network, Pod, RestartPolicy

SETTLE_SECONDS: Final = 60.0
"""How long a dump or a restore that was given up may take to end: Podman does not stop it."""


class PodmanError(Exception):
    """Podman refused a request; the message is its own words."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class PodmanUnreachable(PodmanError):
    """The service did not answer: not running, no socket, no permission."""


class PodmanTimedOut(PodmanUnreachable):
    """No answer in time. What was asked may still be going on in the service."""


class NotFound(PodmanError):
    """There is no such container, image, volume or network."""


@dataclass(frozen=True, kw_only=True)
class CheckpointOptions:
    """Query of ``POST /containers/{id}/checkpoint``; names as in libpod, in snake case."""

    leave_running: bool = False
    tcp_established: bool = False
    file_locks: bool = False
    ignore_root_fs: bool = False
    pre_checkpoint: bool = False
    """Copy only the memory, into ``pre-checkpoint``, and let the container go on."""
    with_previous: bool = False
    """Save only the memory that has changed since the pre-checkpoint."""
    export: bool = False
    """Have Podman make an export as well, which nobody reads: it checkpoints a container that was
    started with ``--rm`` in no other way."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions:
    """Query of ``POST /containers/{id}/restore``; names as in libpod, in snake case."""

    name: str = ""
    pod: str = ""
    keep: bool = False
    tcp_established: bool = False
    tcp_close: bool = False
    file_locks: bool = False
    ignore_root_fs: bool = False
    ignore_volumes: bool = False
    ignore_static_ip: bool = False
    ignore_static_mac: bool = False
    publish_ports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """A command that was started into a running container from outside: ``podman exec``."""

    running: bool
    pid: int
    """On the host; 0 when it does not run."""
    exit_code: int


class Podman(Protocol):
    """One Podman service; :class:`~..podman.service.PodmanService` speaks to a real one.

    Every method raises :class:`PodmanError` or one of its subclasses.
    """

    def inspect(self, reference: str, *, timeout: float = ...) -> Container:
        """Return a container by name or ID; waits while Podman works on it."""

    def find(self, reference: str) -> Container | None:
        """Return a container by name or ID, or None."""

    def sharing(self, mounts: Iterable[str]) -> tuple[Container, ...]:
        """Return the running containers that mount any of these volumes or paths."""

    def containers(self) -> tuple[ListedContainer, ...]:
        """Return all containers, running or not, without the infra containers of pods."""

    def write_dumps(self, container_id: str) -> None:
        """Make Podman write ``config.dump`` and ``spec.dump`` into the bundle."""

    def checkpoint(
        self, container_id: str, options: CheckpointOptions, *, timeout: float
    ) -> dict[str, int]:
        """Checkpoint into the bundle; return CRIU's statistics."""

    def restore(
        self, container_id: str, options: RestoreOptions, *, timeout: float
    ) -> dict[str, int]:
        """Restore from the bundle; return CRIU's statistics."""

    def restore_archive(
        self, archive: Iterable[bytes], options: RestoreOptions, *, timeout: float
    ) -> tuple[str, dict[str, int]]:
        """Restore from a plain tar stream; return the container's ID and CRIU's statistics."""

    def remove(self, container_id: str) -> None:
        """Remove a container by force, if there is one."""

    def stop(self, container_id: str) -> None:
        """Stop a running container."""

    def start(self, container_id: str) -> None:
        """Start a stopped container afresh."""

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""

    def create_session(self, container_id: str, command: Sequence[str]) -> str:
        """Prepare a command in a running container; return the session's ID."""

    def start_session(
        self, session: str, output: Callable[[bytes], None], *, timeout: float
    ) -> None:
        """Run a session's command to its end; what it writes goes to ``output`` at once."""

    def session(self, session: str) -> Session | None:
        """Return how far a session is, or None when it was removed."""

    def remove_session(self, session: str) -> None:
        """Forget a session that has ended."""

    def set_restart_policy(self, container_id: str, policy: RestartPolicy) -> None:
        """Change a container's restart policy, running or not."""

    def image_id(self, reference: str) -> str:
        """Return an image's ID, or an empty string."""

    def network(self, name: str) -> Network | None:
        """Return a network, with the running containers in it, or None."""

    def saved_endpoints(self, container: Container) -> tuple[Endpoint, ...]:
        """Return where a container was in its own networks when it was checkpointed."""

    def pod(self, reference: str) -> Pod | None:
        """Return a pod by name or ID, or None."""

    def volume_source(self, name: str) -> Path | None:
        """Return where a named volume lies, or None."""

    def remove_volume(self, name: str) -> None:
        """Remove a volume, if there is one."""
