"""After a crash: what an operation's last recorded step and the host's state say to do next.

The journal says what was begun, Podman and the files say how far it came. Nothing that was done is
done again, and nothing is taken for done on the journal's word alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final

from .facts import Container, State, StoredCheckpoint

CLOCK_TOLERANCE: Final = timedelta(seconds=1)
"""File systems stamp files by a clock that is a tick behind the one that processes read."""


class Next(Enum):
    """How an interrupted operation goes on."""

    START_OVER = auto()
    """The container runs as before: begin again."""
    CONTINUE = auto()
    """The state is on the host, complete: go on with what follows it."""
    CHANGED = auto()
    """Somebody has started the container afresh since: it is not what was to be saved any more."""
    LOST = auto()
    """The container does not run and there is no complete state of it from this operation."""


@dataclass(frozen=True)
class Begun:
    """What the journal says of the dump that was under way."""

    at: datetime
    same_boot: bool
    leave_running: bool
    captured: bool
    """The capture of a running container had ended, and lies in the stage."""
    stored: bool
    """The archive is in the store under its final name, and so complete and durable."""
    started_at: datetime
    """When the container had been started before the dump began."""


def after_dump(begun: Begun, container: Container | None, stored: StoredCheckpoint | None) -> Next:
    """Decide how to go on with a checkpoint that was interrupted in or after its dump."""
    if begun.leave_running:
        # The stage is not synced: after a boot nobody can say whether it is whole.
        if begun.stored or (begun.captured and begun.same_boot):
            return Next.CONTINUE
        return Next.START_OVER if _runs(container) else Next.LOST
    if container is not None and container.started_at != begun.started_at:
        # Its stored state, if it has one, is left alone: the user may want just that.
        return Next.CHANGED
    if _runs(container):
        return Next.START_OVER
    if container is not None and stored is not None and is_of(stored, begun.at):
        return Next.CONTINUE
    return Next.LOST


def is_of(stored: StoredCheckpoint, begun_at: datetime) -> bool:
    """Whether a stored checkpoint is complete and was taken by a dump that began at this time."""
    return stored.complete and stored.taken_at >= begun_at - CLOCK_TOLERANCE


def is_of_run(stored: StoredCheckpoint, container: Container) -> bool:
    """Whether the agent noted, before it dumped a container, the start that is still the last."""
    return stored.origin.get("startedAt") == container.started_at.isoformat()


def was_saved_as(namespace: str, name: str, stored: StoredCheckpoint, container: Container) -> bool:
    """Whether the stored checkpoint is the last state of a container, by a resource so called."""
    return (
        stored.complete
        and (stored.origin.get("namespace"), stored.origin.get("name")) == (namespace, name)
        and is_of_run(stored, container)
        and container.state in (State.STOPPED, State.EXITED)
        and not is_stale(stored, container)
    )


def is_stale(stored: StoredCheckpoint, container: Container) -> bool:
    """Whether the container ran on after its stored checkpoint was taken.

    Podman would restore it without a word: old memory over newer files. The container was then
    started afresh, or stopped, after the dump; Podman itself notes the end of a container that it
    checkpoints a moment after the images are complete. CRIU's log tells whether the processes were
    left running. Where it is gone, Podman has seen the end of the dump, and knows until the next
    boot whether the container stopped by it.

    A start that seems to be later than the dump may be the one before it, when the host's clock was
    put back in between: the agent's own note tells.
    """
    unknown_to_podman = stored.since_boot and not stored.logged and not container.checkpointed
    latest_end = stored.taken_at + timedelta(seconds=30)
    return (
        stored.left_running
        or unknown_to_podman
        or (container.started_at > stored.taken_at and not is_of_run(stored, container))
        or container.finished_at > latest_end
    )


def began(at: float) -> datetime:
    """The journal's seconds since the epoch as a time."""
    return datetime.fromtimestamp(at, UTC)


def _runs(container: Container | None) -> bool:
    return container is not None and container.state is State.RUNNING
