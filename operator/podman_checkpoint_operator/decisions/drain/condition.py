"""The condition ``Drained`` of a host, by which others know when it may be rebooted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ...api.common import ConditionStatus
from ...api.host import DrainedContainer, DrainState, DrainStatus
from ...api.reasons import Reason
from ..failures import sentences
from ..preflight import listed
from .view import UNRESOLVED, View, opted_in

_TOLD = 3
"""How many containers a message explains; the status has them all."""


class Condition(NamedTuple):
    """What the condition says."""

    status: ConditionStatus
    reason: Reason
    message: str


def condition_of(view: View, drain: DrainStatus | None) -> Condition:
    """Return what is to be said of the host."""
    if drain is None:
        return Condition(ConditionStatus.FALSE, Reason.NOT_DRAINING, "Nothing was drained")
    if not view.wanted:
        return _of_undrain(drain)
    condition = _of_drain(view, drain)
    if not view.shutting_down:
        return condition
    return condition._replace(message=f"The host shuts down. {condition.message}")


def _of_drain(view: View, drain: DrainStatus) -> Condition:
    records = drain.containers
    failed = [each for each in records if each.state is DrainState.FAILED]
    if failed:
        return Condition(ConditionStatus.FALSE, Reason.CANNOT_DRAIN, _explained(failed))
    busy = [
        each
        for each in records
        if each.state in (DrainState.PENDING, DrainState.CHECKPOINTING, DrainState.RESTORING)
    ]
    safe = sum(each.state in (DrainState.SAFE, DrainState.RESTORE_FAILED) for each in records)
    if busy:
        message = f"{safe} of {safe + len(busy)} containers are safe; waiting for {_names(busy)}"
        return Condition(ConditionStatus.FALSE, Reason.DRAINING, message)
    left = sum(each.alive and not opted_in(each, view.policy) for each in view.containers.values())
    facts = [f"{safe} {_containers(safe)} safe", *_gone(records)]
    if left:
        facts.append(f"{left} running {_containers(left)} not to be saved")
    return Condition(ConditionStatus.TRUE, Reason.DRAINED, "; ".join(facts))


def _of_undrain(drain: DrainStatus) -> Condition:
    records = drain.containers
    failed = [each for each in records if each.state is DrainState.RESTORE_FAILED]
    if failed:
        return Condition(ConditionStatus.FALSE, Reason.RESTORE_FAILED, _explained(failed))
    restored = sum(each.state is DrainState.RESTORED for each in records)
    left = [each for each in records if each.state in UNRESOLVED]
    if left:
        message = f"{restored} of {restored + len(left)} containers are restored; waiting for"
        return Condition(ConditionStatus.FALSE, Reason.RESTORING, f"{message} {_names(left)}")
    facts = [f"{restored} {_containers(restored)} restored", *_gone(records)]
    return Condition(ConditionStatus.FALSE, Reason.NOT_DRAINING, "; ".join(facts))


def _explained(records: list[DrainedContainer]) -> str:
    told = [f"{each.name}: {each.message or each.reason}" for each in records[:_TOLD]]
    others = len(records) - len(told)
    return sentences(*told, f"{others} more in status.drain.containers" if others else "")


def _names(records: Iterable[DrainedContainer]) -> str:
    return listed([each.name for each in records])


def _gone(records: Iterable[DrainedContainer]) -> list[str]:
    gone = sum(each.state is DrainState.GONE for each in records)
    return [f"{gone} gone meanwhile"] if gone else []


def _containers(count: int) -> str:
    return "container is" if count == 1 else "containers are"
