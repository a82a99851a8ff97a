"""Containers of Quadlets are saved and come back as their units' own, on the real machine.

Checked: a Quadlet as it is by default is refused; of one with the project's drop-in the unit is
held, neither starts nor removes the container, and restores it, also when agents are killed. A live
checkpoint needs no drop-in, is nothing to the unit, and Podman can be reached beside its clone.

Not here: drains, and a reboot, at which the unit would start by itself (test_real_machine.py); how
units are read and written (tests/unit/host/test_units.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import kill_at
from tests.e2e.support import Bench, Container, Object
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
    require_saved_live(work, quadlet, "live-by-default")
    quadlet.make_safe()
    clone = Container(machine, work.name("clone"))
    live = require_saved_live(work, quadlet, "live")
    work.restore(machine, live, "clone", name=clone.name).wait_ready()
    clone.require_counting_on(since=1)
    assert not clone.inspect('{{index .Config.Labels "PODMAN_SYSTEMD_UNIT"}}')
    machine.exec("systemctl", "restart", "podman.service")
    clone.remove()

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


def require_saved_live(work: Bench, quadlet: Quadlet, resource: str) -> Object:
    """See that the unit notices nothing of a checkpoint that leaves its container running."""
    running = quadlet.invocation()
    saved = work.checkpoint(quadlet.container, resource, leaveRunning=True, archive={})
    saved.wait_ready()
    assert not quadlet.is_held()
    quadlet.container.require_counting_on(since=len(quadlet.container.counts()))
    assert quadlet.invocation() == running
    return saved


def killed(host: VirtualHost, point: str, apply: Callable[[], Object]) -> Object:
    """Begin an operation, whose agent is killed at a point of it."""
    kill_at(point, host)
    applied = apply()
    wait_until(lambda: not host.agent_running(), "the agent to be killed", timeout=300)
    return applied
