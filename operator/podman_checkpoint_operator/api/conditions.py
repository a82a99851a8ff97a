"""Changes to ``status.conditions``: pure functions from one list to the next.

Conditions are exactly ``metav1.Condition``. The three that tools read follow kstatus:
``Reconciling`` and ``Stalled`` exist only while they are true, and a failure that will not be
retried is ``Ready=False`` with ``Stalled=True``. So ``kubectl wait --for=condition=Ready`` returns
on success, and Flux, Helm and Argo CD can tell "not yet" from "never".

A list that would not change is returned equal to the one given, so that callers can skip the write.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from .common import ConditionStatus
from .reasons import Cause, ConditionType, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ConditionList = list[dict[str, Any]]

MAX_MESSAGE: Final = 32768
"""The most characters that the API server admits in a condition's message."""


_UNDER_WAY: Final = {ConditionType.RECONCILING: ConditionStatus.TRUE}


def timestamp(moment: datetime) -> str:
    """Return an aware time as the API server writes it: RFC 3339, UTC, whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def set_condition(
    conditions: Iterable[Mapping[str, Any]],
    *,
    type: ConditionType,
    status: ConditionStatus,
    reason: Reason | Cause,
    message: str,
    generation: int,
    now: datetime,
) -> ConditionList:
    """Return the conditions with the one of ``type`` set, in its old place or at the end.

    ``lastTransitionTime`` moves to ``now`` only if ``status`` changes.
    """
    result = [dict(each) for each in conditions]
    old = find_condition(result, type)
    moved = timestamp(now)
    if old is not None and old["status"] == status:
        moved = old["lastTransitionTime"]
    new: dict[str, Any] = {
        "type": str(type),
        "status": str(status),
        "reason": str(reason),
        "message": message[:MAX_MESSAGE],
        "lastTransitionTime": moved,
        "observedGeneration": generation,
    }
    if old is None:
        return [*result, new]
    return [new if each is old else each for each in result]


def remove_condition(
    conditions: Iterable[Mapping[str, Any]],
    type: ConditionType,
) -> ConditionList:
    """Return the conditions without the one of ``type``."""
    return [dict(each) for each in conditions if each["type"] != type]


def find_condition(
    conditions: Iterable[Mapping[str, Any]],
    type: ConditionType,
) -> Mapping[str, Any] | None:
    """Return the condition of ``type``, if there is one."""
    return next((each for each in conditions if each["type"] == type), None)


def have_ended(conditions: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the conditions of an operation say how it ended."""
    known = list(conditions)
    ready = find_condition(known, ConditionType.READY)
    stalled = find_condition(known, ConditionType.STALLED)
    return bool(ready and ready["status"] == ConditionStatus.TRUE) or stalled is not None


def progressing(
    conditions: Iterable[Mapping[str, Any]],
    *,
    reason: Reason,
    message: str,
    generation: int,
    now: datetime,
) -> ConditionList:
    """Return the conditions of an operation under way: ``Ready`` unknown, ``Reconciling`` true."""
    return _set_all(
        remove_condition(conditions, ConditionType.STALLED),
        {ConditionType.READY: ConditionStatus.UNKNOWN, **_UNDER_WAY},
        reason=reason,
        message=message,
        generation=generation,
        now=now,
    )


def hindered(
    conditions: Iterable[Mapping[str, Any]],
    *,
    cause: Cause,
    message: str,
    generation: int,
    now: datetime,
) -> ConditionList:
    """Return the conditions of what fails for now, and may come right by itself."""
    return _set_all(
        remove_condition(conditions, ConditionType.STALLED),
        {ConditionType.READY: ConditionStatus.FALSE, **_UNDER_WAY},
        reason=cause,
        message=message,
        generation=generation,
        now=now,
    )


def succeeded(
    conditions: Iterable[Mapping[str, Any]],
    *,
    reason: Reason,
    message: str,
    generation: int,
    now: datetime,
) -> ConditionList:
    """Return the conditions of an operation that is done: ``Ready`` true, nothing abnormal."""
    return set_condition(
        _settled(conditions),
        type=ConditionType.READY,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=message,
        generation=generation,
        now=now,
    )


def failed(
    conditions: Iterable[Mapping[str, Any]],
    *,
    cause: Cause,
    message: str,
    generation: int,
    now: datetime,
) -> ConditionList:
    """Return the conditions of an operation that will not be tried again, with its cause."""
    return _set_all(
        remove_condition(conditions, ConditionType.RECONCILING),
        {
            ConditionType.READY: ConditionStatus.FALSE,
            ConditionType.STALLED: ConditionStatus.TRUE,
        },
        reason=cause,
        message=message,
        generation=generation,
        now=now,
    )


def _set_all(
    conditions: ConditionList,
    statuses: Mapping[ConditionType, ConditionStatus],
    *,
    reason: Reason | Cause,
    message: str,
    generation: int,
    now: datetime,
) -> ConditionList:
    """Return the conditions with several set, for the same reason."""
    for type_, status in statuses.items():
        conditions = set_condition(
            conditions,
            type=type_,
            status=status,
            reason=reason,
            message=message,
            generation=generation,
            now=now,
        )
    return conditions


def _settled(conditions: Iterable[Mapping[str, Any]]) -> ConditionList:
    without_progress = remove_condition(conditions, ConditionType.RECONCILING)
    return remove_condition(without_progress, ConditionType.STALLED)
