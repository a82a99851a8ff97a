"""A unit is held as long as its container has a state that waits, and no longer.

Not here: what holding means to systemd; tests/unit/host/test_units.py, tests/e2e/test_quadlets.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock, create_autospec

import pytest

from podman_checkpoint_operator.decisions.facts import Container, State
from podman_checkpoint_operator.decisions.starters import Starters
from podman_checkpoint_operator.reconcilers.held_units import HeldUnits, Units
from podman_checkpoint_operator.reconcilers.machine_port import Machine
from podman_checkpoint_operator.reconcilers.podman_port import (
    Podman,
    PodmanError,
    RestoreOptions,
)
from tests.unit.samples import CONTAINER

UNIT = "db.service"
DB = replace(CONTAINER, unit=UNIT, conmon_pid_file=Path("/run/conmon.pid"))
GUARDED = Starters(unit_guarded=True, unit_idle=True)
OPTIONS = RestoreOptions(keep=True)


class World:
    """One container, its unit and their host, and what was asked of them."""

    def __init__(self, container: Container | None = DB) -> None:
        self.podman = create_autospec(Podman, instance=True)
        self.podman.find.return_value = container
        self.machine = create_autospec(Machine, instance=True)
        self.machine.starters.return_value = GUARDED
        self.machine.is_dumped.return_value = False
        self.machine.stored_checkpoint.return_value = None
        self.units = create_autospec(Units, instance=True)
        self.units.held.return_value = {UNIT: DB.id, "other.service": "other"}
        self.held = HeldUnits(self.podman, self.units, self.machine)

    @property
    def released(self) -> bool:
        return bool(self.units.release.mock_calls)


def test_a_guarded_unit_is_held() -> None:
    world = World()
    assert world.held.hold(DB)
    world.units.hold.assert_called_once_with(UNIT, DB.id)


@pytest.mark.parametrize(
    ("container", "starters"),
    [(CONTAINER, GUARDED), (DB, Starters(unit_masked=True)), (replace(DB, pod="p"), GUARDED)],
)
def test_other_units_are_left_alone(container: Container, starters: Starters) -> None:
    world = World()
    world.machine.starters.return_value = starters
    assert not world.held.hold(container)
    world.units.hold.assert_not_called()


def test_released_when_the_container_runs() -> None:
    world = World()
    world.held.settle(DB.id)
    world.units.release.assert_called_once_with(UNIT)
    world.units.start_if_skipped.assert_not_called()


def test_not_released_in_the_middle_of_a_dump() -> None:
    world = World()
    world.machine.is_dumped.return_value = True
    world.held.settle(DB.id)
    assert not world.released


def test_held_as_long_as_a_state_waits() -> None:
    world = World(replace(DB, state=State.EXITED))
    world.machine.stored_checkpoint.return_value = Mock()
    world.held.settle(DB.id)
    assert not world.released


def test_a_unit_that_was_skipped_for_nothing_is_started() -> None:
    """The power was cut before the dump was complete."""
    world = World(replace(DB, state=State.EXITED))
    world.held.settle(DB.id)
    assert world.released
    world.units.start_if_skipped.assert_called_once_with(UNIT)


def test_a_container_that_was_removed_holds_nothing() -> None:
    world = World(None)
    world.held.settle(DB.id)
    assert world.released
    world.units.start_if_skipped.assert_not_called()


def test_what_is_not_known_is_left_to_the_next_time() -> None:
    world = World()
    world.podman.find.side_effect = PodmanError("out of order")
    world.held.settle(DB.id)
    assert not world.released
    assert world.held.held() == sorted([DB.id, "other"])


def test_restored_by_its_unit_which_is_held_before() -> None:
    world = World()
    calls = Mock()
    calls.attach_mock(world.units.hold, "hold")
    calls.attach_mock(world.units.restore, "restore")
    world.held.restore(DB, OPTIONS, timeout=9)
    assert [name for name, *_ in calls.mock_calls] == ["hold", "restore"]
    world.podman.restore.assert_not_called()


def test_restored_by_podman_where_the_unit_cannot() -> None:
    world = World()
    world.machine.starters.return_value = replace(GUARDED, unit_idle=False)
    world.held.restore(DB, OPTIONS, timeout=9)
    world.podman.restore.assert_called_once_with(DB.id, OPTIONS, timeout=9)
    world.units.hold.assert_not_called()
