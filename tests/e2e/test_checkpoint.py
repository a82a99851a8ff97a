"""Checkpoints on the lab's hosts: in place, live, stopping; archives of every compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import condition

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


def test_in_place_over_a_reboot(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container)
    status = saved.wait_ready()
    assert container.state == "exited"
    assert condition(status, "Checkpointed")["status"] == "True"

    host_a.reboot(None)
    bench.restore(host_a, saved).wait_ready()

    container.require_counting_on(since=len(container.counts()))
