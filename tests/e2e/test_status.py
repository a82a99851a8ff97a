"""What an operation tells: kstatus at every stage, events on transitions, kubectl wait and get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.kubectl import kubectl

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


def require_kstatus(resource: dict[str, Any]) -> None:
    """See that a state of a resource is one that kstatus reads without a doubt."""
    status = resource["status"]
    assert status["observedGeneration"] == resource["metadata"]["generation"]
    conditions = {each["type"]: each for each in status["conditions"]}
    assert len(conditions) == len(status["conditions"])
    for condition in conditions.values():
        assert condition["observedGeneration"] == status["observedGeneration"]
        assert condition["message"]
    ready = conditions["Ready"]["status"]
    if "Reconciling" in conditions:
        assert conditions["Reconciling"]["status"] == "True"
        assert "Stalled" not in conditions
        assert ready == "Unknown"
        assert "completionTime" not in status
    elif "Stalled" in conditions:
        assert conditions["Stalled"]["status"] == "True"
        assert ready == "False"
        assert conditions["Stalled"]["reason"] == status["diagnosis"]["cause"]
        assert status["diagnosis"]["remedy"]
        assert status["startTime"] <= status["completionTime"]
    else:
        assert ready == "True"
        assert "diagnosis" not in status
        assert status["startTime"] <= status["completionTime"]


def test_the_whole_story(bench: Bench, host_a: Host, host_b: Host) -> None:
    container = bench.count(host_a)
    host_b.load_image("busybox")

    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    back = bench.restore(host_b, saved)
    nobody = bench.checkpoint(container, "nobody", containerRef={"name": "no-such-container"})
    saved.wait_ready()
    back.wait_ready()
    nobody.wait_failed("ContainerNotFound")

    history = bench.history("ContainerCheckpoint") + bench.history("ContainerRestore")
    reported = [each for each in history if each.get("status")]
    for state in reported:
        require_kstatus(state)
    for resource in (saved, back, nobody):
        last = [each for each in reported if each["metadata"]["name"] == resource.name][-1]
        assert "completionTime" in last["status"]
    happened = {
        each.name: [(event.type, event.reason) for event in each.events()]
        for each in (saved, back, nobody)
    }
    assert happened == {
        "saved": [("Normal", "Checkpointed"), ("Normal", "ArchiveStored")],
        "back": [("Normal", "Restored")],
        "nobody": [("Warning", "ContainerNotFound")],
    }


def test_kubectl_waits_and_shows(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})

    kubectl("wait", "--for=condition=Ready", *saved.words(), "--timeout=120s")

    status = saved.status
    listed = kubectl("get", "cckpt,crst", f"--namespace={bench.prefix}").stdout
    for shown in (container.name, "host-a", "True", "ArchiveStored"):
        assert shown in listed
    described = kubectl("describe", *saved.words()).stdout
    for told in (status["archive"]["digest"], "ArchiveStored", "podman-checkpoint.dev/node-agent"):
        assert told in described


def test_kubectl_tells_why_it_failed_and_what_to_do(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    host_a.exec("podman", "stop", "--time=0", container.name)
    failing = bench.checkpoint(container)

    kubectl("wait", "--for=condition=Stalled", *failing.words(), "--timeout=120s")

    assert "ContainerNotRunning" in kubectl("get", *failing.words()).stdout
    described = " ".join(kubectl("describe", *failing.words()).stdout.split())
    assert f"container {container.name} is exited" in described
    assert failing.status["diagnosis"]["remedy"] in described
