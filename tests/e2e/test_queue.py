"""Many operations at once: one per container, so many per host, and those that wait say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import support
from tests.e2e.support import condition

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

MAX_OPERATIONS = 2
WORKING = {"Preflight", "Checkpointing", "Archiving"}


def reasons(history: list[dict[str, Any]]) -> list[dict[str, tuple[str, str]]]:
    """Return, after each change, the reason and message of every resource so far."""
    now: dict[str, tuple[str, str]] = {}
    shown = []
    for state in history:
        ready = condition(state.get("status") or {}, "Ready")
        if ready:
            now = {**now, state["metadata"]["name"]: (ready["reason"], ready["message"])}
            shown.append(now)
    return shown


def test_checkpoints_of_one_container_follow_each_other(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)

    made = bench.apply_all(
        [
            support.checkpoint(container, f"live-{turn}", leaveRunning=True, archive={})
            for turn in range(4)
        ]
    )
    for each in made:
        each.wait_ready()

    shown = reasons(bench.history("ContainerCheckpoint"))
    at_once = [[name for name, (reason, _) in now.items() if reason in WORKING] for now in shown]
    assert max(map(len, at_once)) == 1
    queued = {
        name: message
        for now in shown
        for name, (reason, message) in now.items()
        if reason == "Queued"
    }
    assert len(queued) == len(made) - 1
    assert set(queued.values()) == {"Waiting for another operation on the same container"}
    container.require_counting_on(since=len(container.counts()))


def test_a_host_carries_out_so_many_at_once(bench: Bench, host_a: Host) -> None:
    containers = [bench.count(host_a, suffix=f"c{number}") for number in range(4)]

    made = bench.apply_all(
        [
            support.checkpoint(container, container.name, leaveRunning=True, archive={})
            for container in containers
        ]
    )
    for each in made:
        each.wait_ready()

    shown = reasons(bench.history("ContainerCheckpoint"))
    at_once = [[name for name, (reason, _) in now.items() if reason in WORKING] for now in shown]
    assert max(map(len, at_once)) == MAX_OPERATIONS
    waiting = {message for now in shown for reason, message in now.values() if reason == "Queued"}
    assert waiting == {"Waiting for other operations of this host"}
    for container in containers:
        container.require_counting_on(since=len(container.counts()))


def test_two_restores_of_one_container(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    bench.checkpoint(container).wait_ready()
    source = {"containerRef": {"name": container.name}}

    made = bench.apply_all(
        [
            support.restore(host_a, source, f"back-{turn}", existingContainer="Adopt")
            for turn in range(2)
        ]
    )

    ends = sorted(condition(each.wait_ready(), "Ready")["reason"] for each in made)
    assert ends == ["Adopted", "Restored"]
    container.require_counting_on(since=len(container.counts()))
