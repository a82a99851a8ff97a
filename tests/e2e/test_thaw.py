"""No container stays frozen, whatever becomes of the agent in the freeze window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import (
    archives,
    kill_at,
    let_go_on,
    require_nothing_left,
    require_unfrozen,
    wait_for_death,
    wait_for_stop,
)

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

SECONDS = 8
"""Time limit of operations that are to reach it."""


@pytest.mark.parametrize("point", ["during:podman:checkpoint", "before:archives:capture"])
def test_a_container_goes_on_although_no_agent_comes_back(
    bench: Bench, host_a: Host, point: str
) -> None:
    container = bench.count(host_a)
    kill_at(point, host_a)
    bench.checkpoint(container, leaveRunning=True, archive={})
    wait_for_death(host_a)
    require_unfrozen(container)
    # CRIU has ended by now, too: Podman answers only then.
    assert container.state == "running"
    require_unfrozen(container)


def test_a_container_goes_on_at_the_time_limit_while_the_agent_hangs(
    bench: Bench, host_a: Host
) -> None:
    container = bench.count(host_a)
    kill_at("before:archives:capture:STOP", host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={}, timeoutSeconds=SECONDS)
    wait_for_stop(host_a)
    require_unfrozen(container)

    let_go_on(host_a)

    # What it captures now belongs to another moment than the memory.
    saved.wait_failed("TimedOut")
    require_unfrozen(container)
    assert not archives(bench)
    require_nothing_left(host_a)
