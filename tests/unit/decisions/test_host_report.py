"""What is reported of a host, and which changes are worth a write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.api.conditions import ConditionList
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.host_report import (
    Observation,
    described,
    differs,
    ready,
    require_fit,
    unfit,
)
from tests.unit import samples

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HOST = replace(
    samples.HOST,
    criu_version="4.2.1",
    runtime="crun",
    runtime_version="crun version 1.21\ncommit: 10269840\nspec: 1.0.0\n+SYSTEMD +CRIU",
    cpu_features=frozenset({"sse2", "avx"}),
)
SEEN = Observation(
    agent_version="1.0",
    boot_id="one",
    operating_system="Debian",
    host=HOST,
    pre_copy=True,
    tcp_close=False,
    criu_config_file="/etc/criu/default.conf",
    store=Path("/archives"),
    store_capacity_bytes=1000,
    store_available_bytes=500,
    running=3,
)


def statuses(conditions: ConditionList) -> dict[str, str]:
    return {each["type"]: each["status"] for each in conditions}


def test_the_runtimes_version_is_without_its_name_and_build() -> None:
    assert described(SEEN)["runtime"] == {"name": "crun", "version": "1.21"}


def test_what_is_ready_is_said_in_versions() -> None:
    (condition,) = ready([], SEEN, generation=2, now=NOW)

    assert (condition["type"], condition["status"], condition["observedGeneration"]) == (
        "Ready",
        "True",
        2,
    )
    assert condition["message"] == (
        "Podman 5.4.2, CRIU 4.2.1 and crun 1.21 can checkpoint containers"
    )


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (replace(SEEN, host=replace(HOST, rootless=True)), Cause.ROOTLESS),
        (replace(SEEN, host=replace(HOST, criu_version="")), Cause.RUNTIME_WITHOUT_CRIU),
        (
            replace(SEEN, host=replace(HOST, runtime_version="crun version 1.21\n+SYSTEMD")),
            Cause.RUNTIME_WITHOUT_CRIU,
        ),
        (
            replace(SEEN, store_trouble=OperationFailed(Cause.STORE_UNAVAILABLE, "not mounted")),
            Cause.STORE_UNAVAILABLE,
        ),
    ],
)
def test_a_host_that_cannot_names_the_cause(seen: Observation, cause: Cause) -> None:
    with pytest.raises(OperationFailed) as caught:
        require_fit(seen)

    assert caught.value.cause is cause


def test_a_host_that_can_is_fit() -> None:
    require_fit(SEEN)


def test_an_administrator_is_needed() -> None:
    failure = OperationFailed(Cause.ROOTLESS, "rootless", "Point it elsewhere")

    after = unfit([], failure, generation=1, now=NOW)

    assert statuses(after) == {"Ready": "False", "Stalled": "True"}
    assert after[0]["message"] == "rootless. Point it elsewhere."


def test_a_podman_that_is_away_may_come_back() -> None:
    stalled = unfit([], OperationFailed(Cause.ROOTLESS, "rootless"), generation=1, now=NOW)
    away = OperationFailed(Cause.PODMAN_UNREACHABLE, "no answer")

    assert statuses(unfit(stalled, away, generation=1, now=NOW)) == {
        "Ready": "False",
        "Reconciling": "True",
    }


def report(**changes: Any) -> dict[str, Any]:
    return described(replace(SEEN, **changes))


@pytest.mark.parametrize(
    "changes", [{"boot_id": "two"}, {"running": 4}, {"store_available_bytes": 450}]
)
def test_what_matters_is_told_at_once(changes: dict[str, Any]) -> None:
    assert differs(report(), report(**changes), at_all=False)


def test_a_store_that_fills_slowly_is_told_now_and_then() -> None:
    little = report(store_available_bytes=451)

    assert not differs(report(), little, at_all=False)
    assert differs(report(), little, at_all=True)


@pytest.mark.parametrize("at_all", [True, False])
def test_what_is_known_is_not_told_again(at_all: bool) -> None:
    told = {**report(), "writtenByANewerAgent": 1}

    assert not differs(told, report(), at_all=at_all)


def test_a_host_without_a_status_is_told_of() -> None:
    assert differs({}, report(), at_all=False)
