"""The second half of a drain: once the host is schedulable again, what was saved is restored.

Containers on which others depend go first, and those of one pod one after the other: the first of
them after a reboot brings up the pod. Pods come last: they get any address that is free then, while
others must have those that they were saved with.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...api.host import DrainedContainer, DrainState
from ...api.reasons import Cause, Reason
from ..failures import sentences
from ..preflight import listed
from .objects import Made
from .saving import begun
from .view import (
    UNRESOLVED,
    View,
    came_to_nothing,
    is_saved,
    is_to_be_taken_up,
    nothing_left,
    removed,
    stopped,
    told,
    try_again,
    under_way,
)


def undrained(view: View, records: Sequence[DrainedContainer]) -> list[DrainedContainer]:
    """Return the records of all containers that the drain was about."""
    # Who waits for others goes by what became of all of them.
    return _step(view, _step(view, records))


def _step(view: View, records: Sequence[DrainedContainer]) -> list[DrainedContainer]:
    done: list[DrainedContainer] = []
    for index, before in enumerate(records):
        if before.state in (DrainState.GONE, DrainState.RESTORED):
            done.append(before)
        elif after := _undrained(view, before, [*done, *records[index:]]):
            done.append(after)
    return done


def _undrained(
    view: View, before: DrainedContainer, records: Sequence[DrainedContainer]
) -> DrainedContainer | None:
    """Return the record of one container; None where there is nothing to tell of it."""
    if at_work := under_way(view, before):
        return at_work
    container = view.containers.get(before.id)
    restore, checkpoint = view.restore_of(before), view.checkpoint_of(before)
    if container is None:
        return removed(before)
    if restore and restore.ready:
        return told(before, DrainState.RESTORED, restore.reason, restore.message)
    if container.alive:
        return _alive(before, checkpoint)
    if is_to_be_taken_up(before, checkpoint):
        return begun(view, before)
    saved = is_saved(before, checkpoint, container)
    return _saved(view, before, records) if saved else stopped(before, checkpoint)


def _saved(
    view: View, before: DrainedContainer, records: Sequence[DrainedContainer]
) -> DrainedContainer:
    """Return the record of a container whose state waits on the host."""
    restore = view.restore_of(before)
    lost = came_to_nothing(before, restore)
    if restore:
        again = try_again("containerrestore", before.restore, before.namespace)
        afresh = f"Start it afresh: podman start {before.name}"
        message = sentences(restore.message, afresh if lost else again)
        return told(before, DrainState.RESTORE_FAILED, restore.reason, message)
    if lost:
        return nothing_left(before)
    return _to_be_restored(view, before, records)


def _alive(before: DrainedContainer, checkpoint: Made | None) -> DrainedContainer | None:
    """Return the record of a container that runs, and that no restore has brought back."""
    if checkpoint and checkpoint.failed:
        return told(before, DrainState.FAILED, checkpoint.reason, checkpoint.message)
    if checkpoint or before.state in UNRESOLVED - {DrainState.CHECKPOINTING}:
        message = f"Container {before.name} runs already: somebody has started it"
        return told(before, DrainState.RESTORED, Reason.ADOPTED, message)
    return before if before.state is DrainState.FAILED else None


def _to_be_restored(
    view: View, before: DrainedContainer, records: Sequence[DrainedContainer]
) -> DrainedContainer:
    waits_for = [each.name for each in records if _goes_before(view, each, before)]
    if waits_for:
        message = f"Waits for {listed(waits_for)}"
        return told(before, DrainState.SAFE, Reason.WAITS_FOR_CONTAINERS, message)
    record = before.model_copy(update={"restore": before.checkpoint})
    if refusal := view.refusals.get((record.namespace, record.restore)):
        seen = f"The ContainerRestore of container {record.name} was refused: {refusal}"
        message = sentences(seen, "It is tried again every few seconds")
        return told(record, DrainState.RESTORE_FAILED, Cause.INVALID_SPEC, message)
    return told(record, DrainState.RESTORING, Reason.QUEUED)


def _goes_before(view: View, other: DrainedContainer, record: DrainedContainer) -> bool:
    """Whether another container must be restored before one."""
    if other.id == record.id or other.state not in UNRESOLVED:
        return False
    inspected = view.inspected.get(record.id)
    if inspected and other.id in inspected.dependencies:
        return not view.is_alive(other.id)
    pod, others_pod = (
        view.containers[each.id].pod if each.id in view.containers else ""
        for each in (record, other)
    )
    if not pod or other.state is DrainState.RESTORE_FAILED:
        return False
    if pod == others_pod:
        return other.state is DrainState.RESTORING
    return not others_pod and not _needs(view, other.id, pod)


def _needs(view: View, container_id: str, pod: str) -> bool:
    """Whether a container depends on one of a pod."""
    inspected = view.inspected.get(container_id)
    return inspected is not None and any(
        view.containers[each].pod == pod or _needs(view, each, pod)
        for each in inspected.dependencies
        if each in view.containers
    )
