"""PodmanHosts: what agents register and keep up to date, and how it is seen that one is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.decisions.heartbeat import LEASE_SECONDS
from tests.e2e import faults, support
from tests.e2e.scraping import values_of_controller
from tests.e2e.support import condition
from tests.lab.credentials import NAMESPACE
from tests.lab.kubectl import kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


def podman_host(name: str) -> dict[str, Any]:
    """Return the PodmanHost of that name, with an empty status where it has none yet."""
    found = kubectl("get", "podmanhost", name, "--output=json", "--ignore-not-found").stdout
    return {"metadata": {}, "status": {}, **json.loads(found or "{}")}


def ready(name: str) -> tuple[str | None, str | None]:
    """Return status and reason of a host's Ready condition."""
    found = condition(podman_host(name)["status"], "Ready")
    return found.get("status"), found.get("reason")


def wait_ready(name: str, *expected: str) -> None:
    wait_until(lambda: ready(name) == expected, f"{name} to be {expected}")


def look_again(name: str) -> None:
    """Have the agent look at its host: it puts right what others write into its status."""
    patch = json.dumps({"status": {"conditions": []}})
    kubectl("patch", "podmanhost", name, "--subresource=status", "--type=merge", f"--patch={patch}")


def renewed(name: str) -> str:
    column = "{.spec.renewTime}"
    return kubectl("get", "lease", name, f"--namespace={NAMESPACE}", f"-ojsonpath={column}").stdout


def test_an_agent_describes_its_host(bench: Bench, host_a: Host) -> None:
    wait_ready("host-a", "True", "HostReady")
    status = podman_host("host-a")["status"]

    podman = host_a.exec("podman", "version", "--format={{.Server.Version}}").stdout.strip()
    assert status["podmanVersion"] == podman
    assert f"Version: {status['criuVersion']}\n" in host_a.exec("criu", "--version").stdout
    runtime = status["runtime"]
    said = host_a.exec(runtime["name"], "--version").stdout
    assert f"{runtime['name']} version {runtime['version']}\n" in said
    assert status["kernelVersion"] == host_a.exec("uname", "-r").stdout.strip()
    assert status["bootID"] == host_a.exec("cat", "/proc/sys/kernel/random/boot_id").stdout.strip()
    assert set(status["cpuFeatures"]) <= set(host_a.exec("cat", "/proc/cpuinfo").stdout.split())
    (store,) = status["stores"]
    assert 0 < store["availableBytes"] < store["capacityBytes"]
    # Kernels of such machines cannot; on the virtual machine it is the other way round.
    assert status["capabilities"]["preCopy"] is False
    for columns in ((), ("--output=wide",)):
        assert podman in kubectl("get", "phost", "host-a", *columns).stdout


def test_a_heartbeat_is_no_rewrite_of_the_status(bench: Bench) -> None:
    wait_ready("host-a", "True", "HostReady")
    wait_until(lambda: ready("host-b") == ("True", "HostReady"), "host-b")
    before = podman_host("host-a")["metadata"]

    beats: set[str] = set()

    def two_more() -> bool:
        beats.add(renewed("host-a"))
        return len(beats) == 3

    wait_until(two_more, "two heartbeats")

    assert podman_host("host-a")["metadata"]["resourceVersion"] == before["resourceVersion"]


def test_running_containers_are_counted(bench: Bench, host_a: Host) -> None:
    def running() -> object:
        return podman_host("host-a")["status"].get("containers", {}).get("running")

    before = len(host_a.exec("podman", "ps", "--quiet").stdout.split())
    bench.count(host_a)
    look_again("host-a")

    wait_until(lambda: running() == before + 1, "one more container")


def test_a_deleted_host_comes_back_with_its_lease(bench: Bench) -> None:
    wait_ready("host-a", "True", "HostReady")
    before = podman_host("host-a")["metadata"]["uid"]

    kubectl("delete", "podmanhost", "host-a")

    wait_ready("host-a", "True", "HostReady")
    assert podman_host("host-a")["metadata"]["uid"] != before


def test_a_host_without_criu_says_so(bench: Bench, host_a: Host) -> None:
    with faults.criu_replaced(host_a, ""):
        look_again("host-a")
        wait_ready("host-a", "False", "RuntimeWithoutCRIU")
        status = podman_host("host-a")["status"]
        assert "Install criu" in condition(status, "Ready")["message"]
        assert condition(status, "Stalled")["status"] == "True"
    look_again("host-a")
    wait_ready("host-a", "True", "HostReady")
    assert not condition(podman_host("host-a")["status"], "Stalled")


def test_a_lost_host_is_told_of_and_comes_back(bench: Bench, host_b: Host) -> None:
    container = bench.count(host_b)
    wait_ready("host-b", "True", "HostReady")
    owner = bench.checkpoint(
        container, "owner", leaveRunning=True, archive={}, deletionPolicy="Delete"
    )
    archive = support.archive_on_machine(owner.wait_ready())
    host_b.agent_kill()
    kubectl("delete", *owner.words(), "--wait=false")
    waiting = bench.apply(support.checkpoint(container, "waits"))
    misspelt = support.checkpoint(container, "misspelt")
    misspelt["spec"]["nodeName"] = "hots-b"
    nobodys = bench.apply(misspelt)

    wait_ready("host-b", "Unknown", "HeartbeatLost")
    waiting.wait_for(lambda status: _reason(status) == "HeartbeatLost", "to be marked")
    nobodys.wait_for(lambda status: _reason(status) == "HostUnknown", "to be marked")

    message = nobodys.condition("Ready")["message"]
    assert "No agent has registered a host hots-b; there are host-a, host-b" in message
    # kstatus takes both for work in progress.
    assert waiting.condition("Reconciling")["status"] == "True"
    assert ready("host-a") == ("True", "HostReady")
    wait_until(
        lambda: (
            measured("stranded_resources ContainerCheckpoint HeartbeatLost")
            and measured("stranded_resources ContainerCheckpoint HostUnknown")
        ),
        "the controller to count them",
    )
    assert measured("hosts Lost") >= 1
    assert measured("hosts Ready") >= 1
    assert measured("heartbeat_age_seconds host-b") > LEASE_SECONDS
    assert measured("heartbeat_age_seconds host-a") < LEASE_SECONDS

    given_up = measured("deletions_given_up_total ContainerCheckpoint")
    # A silent host may come back; one whose PodmanHost is deleted is given up.
    assert owner.exists()
    kubectl("delete", "podmanhost", "host-b")
    wait_until(lambda: not owner.exists(), "the deletion to be given up")
    assert archive.exists()
    wait_until(
        lambda: measured("deletions_given_up_total ContainerCheckpoint") > given_up,
        "the controller to count it",
    )

    host_b.agent_start()
    waiting.wait_ready()
    wait_ready("host-b", "True", "HostReady")


def measured(name: str) -> float:
    """Return what the controller measures; 0 if it does not."""
    return values_of_controller().get(f"controller_{name}", 0)


def _reason(status: dict[str, Any]) -> str | None:
    reason: str | None = condition(status, "Ready").get("reason")
    return reason
