"""What GitOps pipelines see of resources, by their own code, and that they cause no work.

kstatus is the code of Flux and Helm; Argo CD runs ``manifests/argocd/health.lua``. Both judge every
state that a resource has had.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import support
from tests.e2e.scraping import counted
from tests.e2e.support import condition
from tests.lab.gitops import argo_health, kstatus
from tests.lab.kubectl import apply, kubectl
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

HEALTH = CHECKOUT / "manifests" / "argocd" / "health.lua"
MANY = 200
CHECKPOINTS_AMONG = 5


def judged(states: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what both say of each state, without repetitions."""
    both = list(zip(kstatus(states), argo_health(HEALTH, states), strict=True))
    return [each for each, before in zip(both, [None, *both], strict=False) if each != before]


def states(bench: Bench, thing: Object) -> list[dict[str, Any]]:
    """Return every state that a resource has had, up to now."""
    history = bench.history(thing.resource.kind)
    return [each for each in history if each["metadata"]["name"] == thing.name]


IN_PROGRESS = ("InProgress", "Progressing")


def test_in_progress_until_it_is_ready(bench: Bench, host_a: Host, host_b: Host) -> None:
    container = bench.count(host_a)
    host_b.load_image("busybox")
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    back = bench.restore(host_b, saved)
    back.wait_ready()

    for thing in (saved, back):
        first, *rest = judged(states(bench, thing))
        # A resource that no agent has seen has no status: kstatus knows no better.
        assert first in (IN_PROGRESS, ("Current", "Progressing"))
        assert [each for each in rest if each != IN_PROGRESS] == [("Current", "Healthy")]


def test_a_failure_is_final(bench: Bench, host_a: Host) -> None:
    lost = bench.checkpoint(support.Container(host_a, bench.name("nobody")))
    lost.wait_failed("ContainerNotFound")

    assert judged(states(bench, lost))[-1] == ("Failed", "Degraded")


def test_a_host_is_current(bench: Bench) -> None:
    for name in ("host-a", "host-b"):
        found = json.loads(kubectl("get", "podmanhost", name, "--output=json").stdout)
        assert judged([found]) == [("Current", "Healthy")]


def test_what_is_suspended_begins_when_it_is_resumed(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    held = bench.checkpoint(container, suspend=True)
    held.wait_for(lambda status: condition(status, "Ready").get("reason") == "Suspended", "held")
    assert judged([held.get()]) == [("InProgress", "Suspended")]
    assert container.state == "running"

    suspend(held, False)

    held.wait_ready()
    assert container.state == "exited"
    suspend(held, True)
    held.wait_for(lambda status: status["observedGeneration"] == 3, "to be acknowledged")
    assert judged([held.get()]) == [("Current", "Healthy")]


def suspend(thing: Object, value: bool) -> None:
    patch = json.dumps({"spec": {"suspend": value}})
    kubectl("patch", *thing.words(), "--type=merge", f"--patch={patch}")


def test_a_loop_that_applies_and_relabels_causes_each_operation_once(
    bench: Bench, host_a: Host
) -> None:
    container = bench.count(host_a)
    source = bench.checkpoint(container, "source", leaveRunning=True, archive={})
    source.wait_ready()
    wanted = [
        support.checkpoint(container, f"saved-{turn}", leaveRunning=True, archive={})
        for turn in range(CHECKPOINTS_AMONG)
    ] + [
        support.restore(host_a, source, f"back-{turn}", existingContainer="Adopt")
        for turn in range(MANY - CHECKPOINTS_AMONG)
    ]
    for each in wanted:
        each["metadata"]["namespace"] = bench.prefix
    before = operations(host_a)

    made = loop(bench, wanted, turns=3)
    for thing in made:
        thing.wait_ready()
    ended = {thing.name: thing.status for thing in made}
    loop(bench, wanted, turns=2)
    # An agent takes resources up in the order in which it hears of them.
    bench.checkpoint(container, "barrier", leaveRunning=True, archive={}).wait_ready()

    assert {thing.name: thing.status for thing in made} == ended
    assert operations(host_a) - before == MANY + 1
    assert container.state == "running"


def loop(bench: Bench, wanted: list[dict[str, Any]], *, turns: int) -> list[Object]:
    """Apply again and again, with other labels and annotations each time, as pipelines do."""
    for turn in range(turns):
        for each in wanted:
            each["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": f"turn-{turn}"}
            each["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": f"turn-{turn}"}
        apply(*wanted)
    return [bench.object(each["kind"], each["metadata"]["name"]) for each in wanted]


def operations(host: Host) -> float:
    """Return how many operations the host's agent has ended since it started."""
    return sum(value for name, value in counted(host).items() if name.startswith("operations_"))
