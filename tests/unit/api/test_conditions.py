"""Conditions are ``metav1.Condition`` and mean to kstatus what the operation is.

``kstatus`` below is the rule of sigs.k8s.io/cli-utils for kinds it does not know.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.common import Condition, ConditionStatus
from podman_checkpoint_operator.api.conditions import (
    MAX_MESSAGE,
    ConditionList,
    failed,
    find_condition,
    progressing,
    remove_condition,
    set_condition,
    succeeded,
    timestamp,
)
from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = START + timedelta(minutes=1)
TYPES = st.sampled_from(ConditionType)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


def kstatus(conditions: ConditionList) -> str:
    for each in conditions:
        if (each["type"], each["status"]) == ("Reconciling", "True"):
            return "InProgress"
        if (each["type"], each["status"]) == ("Stalled", "True"):
            return "Failed"
    ready = find_condition(conditions, ConditionType.READY)
    return "Current" if ready is None or ready["status"] == "True" else "InProgress"


def step(conditions: ConditionList, name: str, now: datetime = START) -> ConditionList:
    match name:
        case "progressing":
            return progressing(
                conditions, reason=Reason.CHECKPOINTING, message="m", generation=1, now=now
            )
        case "succeeded":
            return succeeded(
                conditions, reason=Reason.CHECKPOINTED, message="m", generation=1, now=now
            )
        case _:
            return failed(conditions, cause=Cause.NO_SPACE, message="m", generation=1, now=now)


def one(
    type_: ConditionType,
    status: ConditionStatus,
    *,
    before: ConditionList | None = None,
    message: str = "done",
    generation: int = 1,
    now: datetime = START,
) -> ConditionList:
    return set_condition(
        before or [],
        type=type_,
        status=status,
        reason=Reason.CHECKPOINTED,
        message=message,
        generation=generation,
        now=now,
    )


def as_pairs(conditions: ConditionList) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in conditions}


STEPS = {"progressing": "InProgress", "succeeded": "Current", "failed": "Failed"}


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1))
def test_kstatus_tells_the_last_step(steps: Sequence[str]) -> None:
    conditions: ConditionList = []
    for name in steps:
        conditions = step(conditions, name)

    assert kstatus(conditions) == STEPS[steps[-1]]
    assert len(as_pairs(conditions)) == len(conditions)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "progressing",
            {"Ready": ("Unknown", "Checkpointing"), "Reconciling": ("True", "Checkpointing")},
        ),
        ("succeeded", {"Ready": ("True", "Checkpointed")}),
        ("failed", {"Ready": ("False", "NoSpace"), "Stalled": ("True", "NoSpace")}),
    ],
)
@pytest.mark.parametrize("before", [[], ["progressing"], ["failed"], ["succeeded"]])
def test_what_each_step_leaves(
    before: list[str], name: str, expected: dict[str, tuple[str, str]]
) -> None:
    conditions: ConditionList = []
    for each in [*before, name]:
        conditions = step(conditions, each)

    assert as_pairs(conditions) == expected


def test_other_conditions_are_left_alone() -> None:
    saved = one(ConditionType.CHECKPOINTED, ConditionStatus.TRUE)
    after = step(saved, "failed", LATER)

    assert after[0] == saved[0]


def test_the_transition_time_moves_with_the_status_only() -> None:
    first = one(ConditionType.READY, ConditionStatus.UNKNOWN)
    same = one(
        ConditionType.READY,
        ConditionStatus.UNKNOWN,
        before=first,
        message="still",
        generation=2,
        now=LATER,
    )
    changed = one(ConditionType.READY, ConditionStatus.TRUE, before=same, now=LATER)

    assert same[0]["lastTransitionTime"] == timestamp(START)
    assert (same[0]["message"], same[0]["observedGeneration"]) == ("still", 2)
    assert changed[0]["lastTransitionTime"] == timestamp(LATER)


def test_setting_the_same_again_changes_nothing() -> None:
    first = one(ConditionType.READY, ConditionStatus.TRUE)

    assert one(ConditionType.READY, ConditionStatus.TRUE, before=first, now=LATER) == first


def test_the_list_given_is_not_changed() -> None:
    first = one(ConditionType.READY, ConditionStatus.UNKNOWN)
    before = [dict(each) for each in first]

    step(first, "failed", LATER)
    remove_condition(first, ConditionType.READY)

    assert first == before


@given(TYPES, st.sampled_from(ConditionStatus), st.text(), MOMENTS)
def test_a_condition_is_what_the_api_server_takes(
    type_: ConditionType, status: ConditionStatus, message: str, now: datetime
) -> None:
    (condition,) = one(type_, status, message=message * 100, now=now)

    assert all(type(each) in (str, int) for each in condition.values())
    assert len(condition["message"]) <= MAX_MESSAGE
    assert Condition.model_validate(condition).dump() == condition


def test_a_long_message_is_cut() -> None:
    (condition,) = one(ConditionType.READY, ConditionStatus.TRUE, message="x" * 40000)

    assert condition["message"] == "x" * 32768


def test_times_are_utc_in_whole_seconds() -> None:
    elsewhere = timezone(timedelta(hours=2))
    moment = datetime(2026, 1, 2, 5, 4, 5, 999999, tzinfo=elsewhere)

    assert timestamp(moment) == "2026-01-02T03:04:05Z"
