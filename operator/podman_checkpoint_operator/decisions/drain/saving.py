"""The first half of a drain: every running container that has opted in is checkpointed.

Containers on which others depend go last, and those of one pod one after the other: CRIU shuts a
network while it saves a container in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ...api.common import LABEL
from ...api.host import DrainedContainer, DrainState
from ...api.names import NAMESPACE_LABEL
from ...api.reasons import Cause, Reason
from ..container_list import ListedContainer
from ..facts import State
from ..failures import sentences
from ..preflight import listed
from .objects import checkpoint_name, namespace_of, wrong_options
from .view import (
    View,
    came_to_nothing,
    is_saved,
    is_to_be_taken_up,
    nothing_left,
    opted_in,
    removed,
    stopped,
    told,
    try_again,
    under_way,
)


def drained(view: View, records: Sequence[DrainedContainer]) -> list[DrainedContainer]:
    """Return the records of all containers that the drain is about."""
    alive = {
        each.id: each
        for each in view.containers.values()
        if each.alive and each.id in view.inspected and opted_in(each, view.policy)
    }
    before = {each.id: each for each in records}
    result: list[DrainedContainer] = []
    for container_id in [*before, *(each for each in alive if each not in before)]:
        if container_id in alive:
            result.append(_running(view, alive[container_id], before.get(container_id)))
        elif rests := _at_rest(view, before[container_id]):
            result.append(rests)
    return list(_in_order(view, result, alive))


def _in_order(
    view: View, records: Sequence[DrainedContainer], alive: Mapping[str, ListedContainer]
) -> Iterator[DrainedContainer]:
    """Let those of the pending containers begin that nothing else must go before."""
    at_work = {
        view.containers[each.id].pod
        for each in records
        if each.state in (DrainState.CHECKPOINTING, DrainState.RESTORING)
        and each.id in view.containers
    } - {""}
    # Who cannot be saved ends with the host: that need not end what it depends on.
    lost = {each.id for each in records if view.shutting_down and each.state is DrainState.FAILED}
    for record in records:
        if record.state is not DrainState.PENDING:
            yield record
            continue
        pod = alive[record.id].pod
        dependents = [
            other.name
            for other in view.inspected.values()
            if other.id in alive.keys() - lost and record.id in other.dependencies
        ]
        if dependents:
            yield _waiting(record, f"Waits for {listed(dependents)}, which depends on it")
        elif pod in at_work:
            yield _waiting(record, "Waits for another container of its pod")
        else:
            at_work |= {pod} - {""}
            yield begun(view, record)


def _waiting(record: DrainedContainer, message: str) -> DrainedContainer:
    not_made = record.model_copy(update={"checkpoint": None})
    return told(not_made, DrainState.PENDING, Reason.WAITS_FOR_CONTAINERS, message)


def begun(view: View, record: DrainedContainer) -> DrainedContainer:
    """Return the record of a container whose checkpoint is there, or is to be made."""
    refusal = view.refusals.get((record.namespace, record.checkpoint))
    if refusal is None:
        return told(record, DrainState.CHECKPOINTING, Reason.QUEUED)
    seen = f"The ContainerCheckpoint of container {record.name} was refused: {refusal}"
    message = sentences(seen, "It is tried again every few seconds")
    return told(record, DrainState.FAILED, Cause.INVALID_SPEC, message)


def _running(
    view: View, container: ListedContainer, before: DrainedContainer | None
) -> DrainedContainer:
    """Return the record of a container that is to be saved; pending where nothing has begun."""
    if before and (at_work := under_way(view, before)):
        return at_work.model_copy(update={"started_at": container.started_at})
    record = DrainedContainer(
        name=container.name,
        id=container.id,
        state=DrainState.PENDING,
        started_at=container.started_at,
        namespace=namespace_of(container),
        checkpoint=checkpoint_name(view.host, view.boot_id, view.inspected[container.id]),
    )
    if trouble := _trouble(view, container):
        return told(record.model_copy(update={"checkpoint": None}), DrainState.FAILED, *trouble)
    checkpoint = view.checkpoint_of(record)
    if checkpoint is None:
        return record
    if checkpoint.under_way:
        return told(record, DrainState.CHECKPOINTING, checkpoint.reason, checkpoint.message)
    again = try_again("containercheckpoint", record.checkpoint, record.namespace)
    if checkpoint.failed:
        message = sentences(checkpoint.message, again)
        return told(record, DrainState.FAILED, checkpoint.reason, message)
    message = sentences(f"Container {container.name} runs although it was saved", again)
    return told(record, DrainState.FAILED, Cause.CONTAINER_RUNNING, message)


def _trouble(view: View, container: ListedContainer) -> tuple[Cause, str] | None:
    """Return why a container cannot be saved so that it would outlive a reboot."""
    name, inspected = container.name, view.inspected[container.id]
    if container.state is State.PAUSED:
        return Cause.CONTAINER_NOT_RUNNING, sentences(
            f"Container {name} is paused", f"Let it go on: podman unpause {name}"
        )
    if inspected.joined and not inspected.pod:
        others = [
            view.containers[each].name if each in view.containers else each[:12]
            for each in inspected.joined
        ]
        return Cause.DEPENDENCY_RESTARTED, sentences(
            f"Container {name} is in namespaces of container {listed(others)}, which end with a"
            " reboot",
            f"Stop it, podman stop {name}, and start it afresh afterwards; put such containers"
            " into a pod, so that they outlive reboots",
        )
    namespace = namespace_of(container)
    if not re.fullmatch(LABEL, namespace) or len(namespace) > 63:
        return Cause.INVALID_SPEC, sentences(
            f"The label {NAMESPACE_LABEL} of container {name} is not the name of a namespace",
            f"Create the container anew with another one, or stop it: podman stop {name}",
        )
    for label, value in wrong_options(container.labels).items():
        return Cause.INVALID_SPEC, sentences(
            f'The label {label} of container {name} is "{value}", and can be true or false',
            f"Create the container anew with one of these, or stop it: podman stop {name}",
        )
    return None


def _at_rest(view: View, before: DrainedContainer) -> DrainedContainer | None:
    """Return the record of a container that does not run, or has not opted in any more."""
    if before.state is DrainState.GONE:
        return before
    if at_work := under_way(view, before):
        return at_work
    container = view.containers.get(before.id)
    if container is None:
        return removed(before)
    return None if container.alive else _stands_still(view, before, container)


def _stands_still(
    view: View, before: DrainedContainer, container: ListedContainer
) -> DrainedContainer:
    checkpoint = view.checkpoint_of(before)
    if is_to_be_taken_up(before, checkpoint):
        return begun(view, before)
    if not is_saved(before, checkpoint, container):
        return stopped(before, checkpoint)
    restore = view.restore_of(before)
    if came_to_nothing(before, restore):
        return nothing_left(before)
    if restore and restore.failed:
        return told(before, DrainState.RESTORE_FAILED, restore.reason, restore.message)
    return told(before, DrainState.SAFE, Reason.CHECKPOINTED)
