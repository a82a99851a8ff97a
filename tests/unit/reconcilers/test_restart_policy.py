"""A container's restart policy is in force or noted at every moment, and comes back.

Not here: Podman's own part in it, and agents that are killed; tests/e2e/test_cold_start.py.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import create_autospec

import pytest

from podman_checkpoint_operator.decisions.facts import Container, RestartPolicy, State
from podman_checkpoint_operator.reconcilers.held_units import HeldUnits
from podman_checkpoint_operator.reconcilers.podman_port import Podman, PodmanError
from podman_checkpoint_operator.reconcilers.restart_policy import RestartPolicies
from tests.unit.samples import CONTAINER

ALWAYS = RestartPolicy("always")
NO = RestartPolicy("no")
DB = replace(CONTAINER, restart_policy=ALWAYS)


class MemoryNotes:
    """Notes that outlive agents."""

    def __init__(self) -> None:
        self.kept: dict[str, RestartPolicy] = {}

    def write(self, container_id: str, policy: RestartPolicy) -> None:
        self.kept[container_id] = policy

    def read(self, container_id: str) -> RestartPolicy | None:
        return self.kept.get(container_id)

    def remove(self, container_id: str) -> None:
        self.kept.pop(container_id, None)

    def containers(self) -> list[str]:
        return list(self.kept)


class OnePodman:
    """Podman with one container, or none; it may be out of order."""

    def __init__(self, container: Container | None) -> None:
        self.container = container
        self.broken = False
        self.dumped = False

    def find(self, _: str) -> Container | None:
        self._require_order()
        return self.container

    def set_restart_policy(self, _: str, policy: RestartPolicy) -> None:
        self._require_order()
        assert self.container is not None
        self.container = replace(self.container, restart_policy=policy)

    def become(self, state: State) -> None:
        assert self.container is not None
        self.container = replace(self.container, state=state)

    def _require_order(self) -> None:
        if self.broken:
            raise PodmanError("out of order")


def wired(container: Container | None = DB) -> tuple[RestartPolicies, OnePodman, MemoryNotes]:
    one, notes = OnePodman(container), MemoryNotes()
    podman = create_autospec(Podman, instance=True)
    podman.find.side_effect = one.find
    podman.set_restart_policy.side_effect = one.set_restart_policy
    units = create_autospec(HeldUnits, instance=True)
    units.held.return_value = []
    return RestartPolicies(podman, notes, lambda _: one.dumped, units), one, notes


def policy(podman: OnePodman) -> RestartPolicy:
    assert podman.container is not None
    return podman.container.restart_policy


def test_suspended_and_put_back_when_it_runs_again() -> None:
    policies, podman, notes = wired()
    assert policies.suspend(DB)
    assert (policy(podman), notes.kept) == (NO, {DB.id: ALWAYS})

    podman.become(State.EXITED)
    policies.settle(DB.id)
    assert (policy(podman), policies.suspended()) == (NO, [DB.id])

    podman.become(State.RUNNING)
    policies.settle(DB.id)
    assert (policy(podman), notes.kept) == (ALWAYS, {})


@pytest.mark.parametrize("name", ["no", "on-failure"])
def test_other_policies_are_left_alone(name: str) -> None:
    policies, _, notes = wired()
    assert not policies.suspend(replace(DB, restart_policy=RestartPolicy(name)))
    assert not notes.kept


def test_noted_before_it_is_taken() -> None:
    policies, podman, notes = wired()
    podman.broken = True
    with pytest.raises(PodmanError):
        policies.suspend(DB)
    assert notes.kept == {DB.id: ALWAYS}
    # Nothing was taken, so that nothing is to be put back.
    podman.broken = False
    policies.settle(DB.id)
    assert (policy(podman), notes.kept) == (ALWAYS, {})


def test_what_cannot_be_put_back_now_is_put_back_later() -> None:
    policies, podman, notes = wired()
    policies.suspend(DB)
    podman.broken = True
    policies.settle(DB.id)
    assert notes.kept
    podman.broken = False
    policies.settle(DB.id)
    assert policy(podman) == ALWAYS


def test_a_container_that_criu_is_about_to_stop_does_not_count_as_running() -> None:
    policies, podman, _ = wired()
    policies.suspend(DB)
    podman.dumped = True
    policies.settle(DB.id)
    assert policy(podman) == NO


def test_a_users_own_change_wins() -> None:
    policies, podman, notes = wired()
    policies.suspend(DB)
    podman.set_restart_policy(DB.id, RestartPolicy("on-failure", 3))
    policies.settle(DB.id)
    assert policy(podman) == RestartPolicy("on-failure", 3)
    assert not notes.kept


def test_a_container_that_is_gone_is_forgotten() -> None:
    policies, podman, notes = wired()
    policies.suspend(DB)
    podman.container = None
    policies.settle(DB.id)
    assert not notes.kept
    policies.settle("")
