"""Who would start a container afresh is found, and only where it is to stay stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.cold_start import (
    checkpoint_checks,
    is_restored_by_unit,
    is_started_at_boot,
    restore_checks,
)
from podman_checkpoint_operator.decisions.facts import Container, RestartPolicy
from podman_checkpoint_operator.decisions.preflight import Check
from podman_checkpoint_operator.decisions.starters import Starters
from tests.unit.samples import CONTAINER, HOST

ALWAYS = replace(CONTAINER, restart_policy=RestartPolicy("always"))
OF_A_UNIT = replace(CONTAINER, unit="db.service")
OLD = replace(HOST, podman_version="5.0.3")
ENABLED = Starters(podman_restart=True)


def checked(
    container: Container, starters: Starters = ENABLED, *, stops: bool = True, old: bool = False
) -> tuple[Check, Check]:
    """Return the checks of the policy and of the unit."""
    policy, unit = checkpoint_checks(container, OLD if old else HOST, starters, stops=stops)
    assert (policy.name, unit.name) == ("RestartPolicy", "SystemdUnit")
    return policy, unit


@pytest.mark.parametrize(
    ("name", "expected"),
    [("always", True), ("unless-stopped", True), ("on-failure", False), ("no", False)],
)
def test_policies_that_count_at_boot(name: str, expected: bool) -> None:
    assert is_started_at_boot(RestartPolicy(name)) is expected


def test_a_policy_that_can_be_suspended_is_no_trap() -> None:
    policy, _ = checked(ALWAYS)
    assert policy.result == "Pass"
    assert policy.message == (
        "the restart policy is always; it becomes no until the container runs again, then always"
    )


@pytest.mark.parametrize(("enabled", "result"), [(True, "Fail"), (False, "Warn")])
def test_podman_that_cannot_suspend_it(enabled: bool, result: str) -> None:
    policy, _ = checked(ALWAYS, Starters(podman_restart=enabled), old=True)
    assert policy.result == result
    assert "systemctl disable podman-restart.service" in policy.remedy
    assert policy.cause is (Cause.COLD_START if enabled else Cause.UNKNOWN)


def test_a_container_that_runs_on_or_is_not_started_at_boot_is_nobodys_affair() -> None:
    assert checked(ALWAYS, stops=False, old=True)[0].result == "Pass"
    assert checked(CONTAINER, old=True)[0].result == "Pass"
    assert checked(OF_A_UNIT, stops=False)[1].result == "Pass"


def test_a_unit_must_be_masked_while_its_container_is_stopped() -> None:
    _, unit = checked(OF_A_UNIT)
    assert (unit.result, unit.cause) == ("Fail", Cause.COLD_START)
    assert "docs/quadlets.md" in unit.remedy
    assert "systemctl mask db.service" in unit.remedy
    assert checked(OF_A_UNIT, Starters(unit_masked=True))[1].result == "Pass"


GUARDED = Starters(unit_guarded=True, unit_idle=True)


def test_a_guarded_unit_is_held_and_restores() -> None:
    _, unit = checked(OF_A_UNIT, GUARDED)
    assert unit.message == "db.service is held until it restores the container"
    restorable = replace(OF_A_UNIT, conmon_pid_file=Path("/run/conmon.pid"))
    (unit,) = restore_checks(restorable, GUARDED)
    assert (unit.result, unit.message) == ("Pass", "db.service restores it, and has it back then")


def test_in_a_pod_a_unit_cannot_be_held() -> None:
    """The unit of the pod makes the pod anew."""
    _, unit = checked(replace(OF_A_UNIT, pod="p"), GUARDED)
    assert (unit.result, unit.cause) == ("Fail", Cause.COLD_START)
    assert unit.remedy.startswith("Run systemctl mask db.service")


def test_the_unit_of_its_pod_must_be_masked_too() -> None:
    """It removes the pod when that ends with its last container."""
    starters = replace(GUARDED, pod_unit="p-pod.service")
    _, unit = checked(replace(OF_A_UNIT, pod="p"), starters)
    assert unit.cause is Cause.COLD_START
    assert "a pod of p-pod.service, and itself to db.service: it would remove" in unit.message
    assert unit.remedy.startswith("Run systemctl mask db.service p-pod.service and")

    for container in (OF_A_UNIT, CONTAINER):
        _, unit = checked(replace(container, pod="p"), replace(starters, unit_masked=True))
        assert unit.cause is Cause.COLD_START
        assert "a pod of p-pod.service: it would remove" in unit.message
        assert unit.remedy.startswith("Run systemctl mask p-pod.service and")
        assert checked(replace(container, pod="p"), starters, stops=False)[1].result == "Pass"


def test_a_unit_that_plays_a_file_of_kubernetes_is_named_once() -> None:
    _, unit = checked(replace(OF_A_UNIT, pod="p"), Starters(pod_unit="db.service"))
    assert unit.message.startswith("the container belongs to db.service, which would remove it")
    assert unit.remedy.startswith("Run systemctl mask db.service and")


@pytest.mark.parametrize(
    "starters",
    [replace(GUARDED, unit_idle=False), replace(GUARDED, unit_guarded=False)],
)
def test_a_unit_that_is_active_or_not_guarded_does_not_restore(starters: Starters) -> None:
    restorable = replace(OF_A_UNIT, conmon_pid_file=Path("/run/conmon.pid"))
    assert not is_restored_by_unit(restorable, starters)


def test_a_restored_container_is_not_known_to_its_unit() -> None:
    (unit,) = restore_checks(OF_A_UNIT, Starters())
    assert unit.result == "Warn"
    assert not list(restore_checks(OF_A_UNIT, Starters(unit_masked=True)))
    assert not list(restore_checks(ALWAYS, ENABLED))
