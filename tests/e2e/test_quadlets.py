"""Containers of Quadlets are saved and come back as their units' own, on the real machine.

Checked: a Quadlet as it is by default is refused; of one with the project's drop-in the unit is
held, neither starts nor removes the container, and restores it, also when agents are killed.

Not here: drains, and a reboot, at which the unit would start by itself (test_real_machine.py); how
units are read and written (tests/unit/host/test_units.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import kill_at
from tests.e2e.support import Bench, Object
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.quadlets import Quadlet
    from tests.lab.vm import VirtualHost

pytestmark = [pytest.mark.lab, pytest.mark.vm, pytest.mark.timeout(1800)]


def test_saved_and_restored_by_its_unit(
    machine: VirtualHost, work: Bench, quadlet: Quadlet
) -> None:
    """Whenever the agent is killed, too."""
    require_failed(
        work.checkpoint(quadlet.container, "by-default"),
        "RemovedOnExit",
        evidence="--rm",
        remedy="docs/quadlets.md",
    )
    assert quadlet.container.state == "running"
    quadlet.make_safe()

    before = len(quadlet.container.counts())
    saved = killed(machine, "after:units:hold", lambda: work.checkpoint(quadlet.container))
    assert (quadlet.container.state, quadlet.is_held()) == ("running", True)
    machine.agent_start()
    saved.wait_ready()
    quadlet.require_held()

    back = killed(machine, "after:units:restore", lambda: work.restore(machine, saved))
    assert (quadlet.container.state, quadlet.is_held()) == ("running", True)
    machine.agent_start()
    back.wait_ready()

    quadlet.container.require_counting_on(since=before)
    quadlet.require_owned()
    # It is stopped, started and restarted as ever.
    quadlet.systemctl("stop", quadlet.unit)
    assert not quadlet.container.exists()
    quadlet.systemctl("start", quadlet.unit)
    quadlet.wait_counting()


def killed(host: VirtualHost, point: str, apply: Callable[[], Object]) -> Object:
    """Begin an operation, whose agent is killed at a point of it."""
    kill_at(point, host)
    applied = apply()
    wait_until(lambda: not host.agent_running(), "the agent to be killed", timeout=300)
    return applied
