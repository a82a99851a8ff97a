"""What there is to see of a drain, and what both of its halves say about a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ...api.host import DrainedContainer, DrainPolicy, DrainState, DrainStatus
from ...api.names import ON_DRAIN_LABEL
from ...api.reasons import Cause, Reason
from ..container_list import ListedContainer
from ..facts import Container
from ..failures import OperationFailed
from ..preflight import listed
from .objects import NOTHING_TO_RESTORE, Made

CHECKPOINT: Final = "checkpoint"
"""The value of the label by which a container opts in."""
UNRESOLVED: Final = frozenset(
    {DrainState.CHECKPOINTING, DrainState.SAFE, DrainState.RESTORING, DrainState.RESTORE_FAILED}
)
"""What an undrain has still to see to."""
_CLOCK: Final = timedelta(seconds=2)
"""Podman's list and statuses hold whole seconds."""

Key = tuple[str | None, str | None]
"""Namespace and name of a resource."""


@dataclass(frozen=True)
class View:
    """What there is to see: resources first and then containers, so that none seems safe early.

    Attributes:
        host: the host's name.
        boot_id: of the host as it runs now.
        wanted: the host is to be drained, or to stay so.
        policy: which containers a drain is about; one that is known, where it is wanted.
        drain: what was told before.
        containers: all of the host, by ID.
        inspected: those of them that were looked at closely.
        checkpoints: that drains of the host have made.
        restores: that drains of the host have made.
        refusals: why resources could not be made.
        shutting_down: nobody can remove a cause of failure any more.
        now: the host's time, in whole seconds.
    """

    host: str
    boot_id: str
    wanted: bool
    policy: DrainPolicy | str
    drain: DrainStatus | None
    containers: Mapping[str, ListedContainer]
    inspected: Mapping[str, Container]
    checkpoints: Mapping[Key, Made]
    restores: Mapping[Key, Made]
    now: datetime
    refusals: Mapping[Key, str] = field(default_factory=dict)
    shutting_down: bool = False

    def checkpoint_of(self, record: DrainedContainer) -> Made | None:
        """Return the checkpoint that a record names, if it is there."""
        return self.checkpoints.get((record.namespace, record.checkpoint))

    def restore_of(self, record: DrainedContainer) -> Made | None:
        """Return the restore that a record names, if it is there."""
        return self.restores.get((record.namespace, record.restore))

    def is_alive(self, container_id: str) -> bool:
        """Whether a container has processes."""
        container = self.containers.get(container_id)
        return container is not None and container.alive


class UnknownPolicy(OperationFailed):
    """A newer version would know how the host is to be drained."""


def require_known(policy: DrainPolicy | str) -> None:
    """Make sure that a drain can go by a policy.

    Raises:
        UnknownPolicy: it cannot.
    """
    if not isinstance(policy, DrainPolicy):
        raise UnknownPolicy(
            Cause.INVALID_SPEC,
            f"The host's agent does not know spec.drain.policy {policy}, and drains nothing",
            f"Update the agent, or set a policy that it knows: {listed(list(DrainPolicy))}",
        )


def opted_in(container: ListedContainer, policy: DrainPolicy | str) -> bool:
    """Whether a drain is to save a container."""
    value = container.labels.get(ON_DRAIN_LABEL)
    return policy is DrainPolicy.ALL if value is None else value == CHECKPOINT


def is_saved(record: DrainedContainer, checkpoint: Made | None, container: ListedContainer) -> bool:
    """Whether the last state of a container waits on the host, by all accounts."""
    if checkpoint is None:  # somebody has deleted it, which does not touch the state
        return record.state in UNRESOLVED - {DrainState.CHECKPOINTING}
    if not checkpoint.ready:
        return False
    if container.started_at == record.started_at:
        return True  # whatever has become of the host's clock since
    return checkpoint.ended_at is None or container.started_at <= checkpoint.ended_at + _CLOCK


def is_to_be_taken_up(record: DrainedContainer, checkpoint: Made | None) -> bool:
    """Whether a checkpoint was deleted that may have stopped its container and saved it.

    The next one of its name finds what is there, or that there was nothing to save.
    """
    return checkpoint is None and record.state is DrainState.CHECKPOINTING


def came_to_nothing(before: DrainedContainer, restore: Made | None) -> bool:
    """Whether a restore has failed because what was saved is no more; it may be deleted since."""
    failed = restore.failed if restore else before.state is DrainState.RESTORE_FAILED
    return failed and (restore or before).reason in NOTHING_TO_RESTORE


def under_way(view: View, before: DrainedContainer) -> DrainedContainer | None:
    """Return the record of a container that an operation of the drain is at work on."""
    restore, checkpoint = view.restore_of(before), view.checkpoint_of(before)
    if restore and restore.under_way:
        return told(before, DrainState.RESTORING, restore.reason, restore.message)
    if checkpoint and checkpoint.under_way:
        return told(before, DrainState.CHECKPOINTING, checkpoint.reason, checkpoint.message)
    return None


def removed(before: DrainedContainer) -> DrainedContainer:
    """Return the record of a container that is not there any more."""
    message = f"Container {before.name} was removed"
    return told(before, DrainState.GONE, Reason.CONTAINER_REMOVED, message)


def stopped(before: DrainedContainer, checkpoint: Made | None) -> DrainedContainer:
    """Return the record of a container that does not run and has nothing to be restored."""
    if checkpoint and checkpoint.came_too_late:
        message = (
            f"Container {before.name} ended before the drain saved it; the ContainerCheckpoint that"
            " came too late is deleted"
        )
        without = before.model_copy(update={"checkpoint": None})
        return told(without, DrainState.GONE, Reason.CONTAINER_STOPPED, message)
    message = f"Container {before.name} does not run any more, and no drain has saved its last run"
    return told(before, DrainState.GONE, Reason.CONTAINER_STOPPED, message)


def nothing_left(before: DrainedContainer) -> DrainedContainer:
    """Return the record of a container whose restore came to nothing, and that is left so."""
    message = f"Container {before.name} does not run, and has no state that could be restored"
    return told(before, DrainState.GONE, Reason.CONTAINER_STOPPED, message)


def told(
    record: DrainedContainer, state: DrainState, reason: str, message: str = ""
) -> DrainedContainer:
    """Return a record that tells something else."""
    update = {"state": state, "reason": str(reason) or None, "message": message or None}
    return record.model_copy(update=update)


def try_again(resource: str, name: str | None, namespace: str | None) -> str:
    """Return how a user has something tried again that has failed."""
    return f"To have it tried again: kubectl delete {resource} {name} --namespace {namespace}"
