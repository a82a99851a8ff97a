"""Where the state for a restore is, as its ContainerCheckpoint tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..api.checkpoint import CheckpointStatus
from ..api.common import ConditionStatus
from ..api.reasons import Cause, ConditionType
from ..api.remedies import Setting
from .archive_preflight import Claim
from .facts import StoredCheckpoint
from .failures import OperationFailed
from .restore_preflight import Interval


@dataclass(frozen=True)
class LocalState:
    """In the bundle of a stopped container of this host."""

    reference: str
    """The container's name or ID."""
    taken: Interval | None = None
    """When it was taken, where a ContainerCheckpoint tells."""
    stored: StoredCheckpoint | None = None
    """The state itself, where somebody has looked already."""


@dataclass(frozen=True)
class ArchivedState:
    """In an archive."""

    uri: str
    digest: str
    claim: Claim


State = LocalState | ArchivedState


@dataclass(frozen=True)
class NotYet:
    """The checkpoint may still come."""

    message: str


def state_of_checkpoint(
    name: str,
    checkpoint: Mapping[str, Any] | None,
    *,
    node_name: str,
    in_place: StoredCheckpoint | None,
) -> State | NotYet:
    """Decide where a checkpoint's state is taken from.

    Args:
        name: of the ContainerCheckpoint.
        checkpoint: the resource, or None when there is none.
        node_name: of this host.
        in_place: the state of the container that it has stopped, where that is on this host.

    Raises:
        OperationFailed: the checkpoint failed, or its state is on another host only.
    """
    if checkpoint is None:
        return NotYet(f"There is no ContainerCheckpoint {name} in this namespace yet")
    status = CheckpointStatus.model_validate(checkpoint.get("status") or {})
    if status.condition(ConditionType.STALLED):
        cause = status.diagnosis.cause if status.diagnosis else Cause.UNKNOWN
        raise OperationFailed(
            Cause.CHECKPOINT_FAILED,
            f"ContainerCheckpoint {name} failed: {cause}",
            f"See kubectl describe containercheckpoint {name}, and create a new one",
        )
    ready = status.condition(ConditionType.READY)
    if ready is None or ready.status is not ConditionStatus.TRUE:
        return NotYet(f"ContainerCheckpoint {name} is not Ready yet")
    if in_place and status.container:
        return LocalState(status.container.id, _interval(status), in_place)
    if status.archive is not None:
        claim = Claim(
            namespace=str(checkpoint["metadata"]["namespace"]),
            checkpoint=name,
            uid=str(checkpoint["metadata"]["uid"]),
            container_id=status.container.id if status.container else "",
        )
        return ArchivedState(status.archive.uri, status.archive.digest, claim)
    host = str(checkpoint["spec"]["nodeName"])
    if host == node_name and status.container:
        return LocalState(status.container.id, _interval(status))
    raise OperationFailed(
        Cause.CHECKPOINT_ON_OTHER_HOST,
        f"ContainerCheckpoint {name} has no archive; its state is on {host} only",
        Setting(f"spec.nodeName: {host}", otherwise="create a checkpoint with an archive"),
    )


def _interval(status: CheckpointStatus) -> Interval | None:
    if status.start_time is None or status.completion_time is None:
        return None
    return Interval(status.start_time, _not_before(status.completion_time, status.start_time))


def _not_before(end: datetime, start: datetime) -> datetime:
    return max(end, start)
