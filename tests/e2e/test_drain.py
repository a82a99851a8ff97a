"""Drains: hosts are emptied, rebooted, and filled again, whatever happens in between."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.api.names import GROUP
from tests.e2e import faults
from tests.e2e.scraping import values
from tests.e2e.soak import times
from tests.e2e.support import CONNECTED, COUNTER, Container, condition, forget_ghost_limit
from tests.e2e.test_hosts import podman_host
from tests.lab.credentials import NAMESPACE, member_kubeconfig
from tests.lab.kubectl import kubectl, kubectl_as
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

ON_DRAIN = "--label=podman-checkpoint.dev/on-drain=checkpoint"
EXECUTE = """\
import sqlite3, sys
with sqlite3.connect("/var/lib/containers/storage/db.sql") as database:
    database.execute(sys.argv[1])
"""
HOST_REASONS = {"Draining", "CannotDrain", "Drained", "Restoring", "NotDraining"}


@pytest.fixture(autouse=True)
def schedulable(bench: Bench, host_a: Host) -> Iterator[None]:
    """The host as it was, after each test."""
    yield
    host_a.agent_start()
    ask(unschedulable=None, drain=None)
    wait_for("NotDraining")
    mine = f"--selector=podman-checkpoint.dev/drained-host={host_a.name}"
    for plural in ("containercheckpoints", "containerrestores"):
        kubectl("delete", plural, f"--namespace={NAMESPACE}", mine)


def ask(**spec: Any) -> None:
    """Change the host's spec, as an administrator does."""
    patch = json.dumps({"spec": spec})
    kubectl("patch", "podmanhost", "host-a", "--type=merge", f"--patch={patch}")


def drained() -> dict[str, Any]:
    """Return the condition by which others know."""
    return condition(podman_host("host-a")["status"], "Drained")


def wait_for(reason: str) -> None:
    def reached() -> bool:
        host = podman_host("host-a")
        found = condition(host["status"], "Drained")
        current = found.get("observedGeneration") == host["metadata"]["generation"]
        return not found or (current and found.get("reason") == reason)

    wait_until(reached, f"the drain to be {reason}", timeout=300)


def wait_drained() -> None:
    """Wait as scripts do."""
    kubectl("wait", "--for=condition=Drained", "phost/host-a", "--timeout=120s")


def states() -> dict[str, str]:
    """Return how far each container of the drain is."""
    drain = podman_host("host-a")["status"].get("drain") or {}
    return {each["name"]: each["state"] for each in drain.get("containers", ())}


def reasons() -> dict[str, str]:
    """Return why each container of the drain is in its state."""
    drain = podman_host("host-a")["status"]["drain"]
    return {each["name"]: each.get("reason", "") for each in drain["containers"]}


def record(container: Container) -> dict[str, Any]:
    """Return what is told of a container of the drain."""
    found = podman_host("host-a")["status"]["drain"]["containers"]
    (its,) = (each for each in found if each["name"] == container.name)
    return dict(its)


def label(bench: Bench) -> tuple[str, str]:
    """Return the options of a container that is to be saved, in the test's own namespace."""
    return ON_DRAIN, f"--label=podman-checkpoint.dev/namespace={bench.prefix}"


def count(bench: Bench, host: Host, *options: str, suffix: str) -> Container:
    return bench.count(host, *label(bench), *options, suffix=suffix)


def six(bench: Bench, host: Host) -> list[Container]:
    """Run containers of which one needs another, two are a pod, and one holds a connection."""
    base = count(bench, host, suffix="base")
    needs = count(bench, host, f"--requires={base.name}", suffix="needs")
    pod = bench.name("pod")
    host.exec("podman", "pod", "create", "--name", pod)
    members = [count(bench, host, f"--pod={pod}", suffix=each) for each in ("one", "two")]
    script = f"{CONNECTED} & {COUNTER}"
    client = bench.run(host, "sh", "-c", script, options=label(bench), suffix="client")
    wait_until(lambda: client.connections() == 2, "the connection")
    return [base, needs, *members, client]


def require_all_count_on(containers: list[Container], before: dict[str, int]) -> None:
    for container in containers:
        container.require_counting_on(since=before[container.name])


def lengths(containers: list[Container]) -> dict[str, int]:
    return {each.name: len(each.counts()) for each in containers}


def require_told_once(containers: list[Container], stubborn: Container) -> None:
    """See an event of each thing that has happened to host and containers, and one only."""
    uid = podman_host("host-a")["metadata"]["uid"]
    selector = f"--field-selector=involvedObject.uid={uid}"
    listed = json.loads(kubectl("get", "events", selector, "--output=json").stdout)["items"]
    told = [
        (each["reason"], name)
        for each in listed
        for name in [*(container.name for container in containers), stubborn.name]
        if f"ontainer {name} " in each["message"] and each["reason"] not in HOST_REASONS
    ]
    assert sorted(told) == sorted(
        [
            *(
                (reason, each.name)
                for each in containers
                for reason in ("Checkpointed", "Restored")
            ),
            *((reason, stubborn.name) for reason in ("RemovedOnExit", "ContainerRemoved")),
        ]
    )
    described = kubectl("describe", "phost", "host-a").stdout
    for reason in HOST_REASONS:
        assert reason in described


def test_drain_reboot_and_undrain(bench: Bench, host_a: Host) -> None:
    containers = six(bench, host_a)
    # Podman would remove it when it stops.
    stubborn = bench.run(
        host_a, "sleep", "9999", options=(*label(bench), "--rm"), suffix="stubborn"
    )
    bystander = bench.run(host_a, "sh", "-c", COUNTER, suffix="bystander")
    before = lengths(containers)

    ask(unschedulable=True)
    wait_for("CannotDrain")
    wait_until(
        lambda: all(states().get(each.name) == "Safe" for each in containers),
        "the others to be safe",
    )
    message = drained()["message"]
    assert stubborn.name in message
    assert "Create the container anew without --rm, or save it by a ContainerCheckpoint" in message
    waiting = kubectl(
        "wait", "--for=condition=Drained", "phost/host-a", "--timeout=2s", check=False
    )
    assert waiting.returncode != 0

    stubborn.remove()
    wait_drained()
    assert "5 containers are safe; 1 gone meanwhile" in drained()["message"]
    assert bystander.state == "running"
    heading, shown = (
        line.split() for line in kubectl("get", "phost", "host-a").stdout.splitlines()
    )
    columns = dict(zip(heading, shown, strict=True))
    assert (columns["DRAIN"], columns["RUNNING"]) == ("Drained", "1")

    host_a.reboot(None)
    wait_until(host_a.agent_running, "the agent")
    wait_drained()
    assert {each.state for each in containers} == {"exited"}
    ask(unschedulable=False)
    wait_for("NotDraining")

    require_all_count_on(containers, before)
    assert containers[-1].connections() == 2
    assert states() == {each.name: "Restored" for each in containers} | {stubborn.name: "Gone"}
    require_told_once(containers, stubborn)
    measured = values(host_a)
    assert measured["drain NotDraining"] == measured["drains_total drained"] == 1
    assert measured["drain_containers Restored"] == 5
    assert measured["drain_duration_seconds"] > 0


def test_a_cancelled_drain_and_a_second_one(bench: Bench, host_a: Host) -> None:
    container = count(bench, host_a, suffix="c")
    kept = bench.count(host_a, ON_DRAIN, suffix="kept")
    since = len(container.counts())
    ask(unschedulable=True)
    ask(unschedulable=False)
    ask(unschedulable=True)
    wait_drained()
    assert {container.state, kept.state} == {"exited"}

    late = count(bench, host_a, suffix="late")
    wait_until(lambda: states().get(late.name) == "Safe", "the late one")
    wait_drained()
    ask(unschedulable=False)
    wait_for("NotDraining")
    for each in (container, kept, late):
        each.require_counting_on(since=since)

    ask(unschedulable=True)
    wait_drained()
    container.remove()
    host_a.exec("podman", "start", kept.name)
    ask(unschedulable=False)
    wait_for("NotDraining")
    assert states()[container.name] == "Gone"
    late.require_counting_on(since=since)


def test_a_failed_one_is_tried_again_when_its_checkpoint_is_deleted(
    bench: Bench, host_a: Host
) -> None:
    container = count(bench, host_a, suffix="c")
    since = len(container.counts())
    with faults.criu_replaced(host_a, "#!/bin/sh\nexit 1\n"):
        ask(unschedulable=True)
        wait_for("CannotDrain")
        assert container.name in drained()["message"]
    assert container.state == "running"
    words = drained()["message"].partition("kubectl delete ")[2].rstrip(".").split()
    kubectl("delete", *words)
    wait_drained()
    ask(unschedulable=False)
    wait_for("NotDraining")
    container.require_counting_on(since=since)


def test_remedies_can_be_followed(bench: Bench, host_a: Host) -> None:
    """By a field of the host, a label of the container, or resources of one's own."""
    forget_ghost_limit(host_a)
    large = bench.run(host_a, image="ghostwriter", options=label(bench), suffix="large")
    less = (*label(bench), f"--label={GROUP}/drain-tcp-established=false")
    bound = bench.run(host_a, "sh", "-c", f"{CONNECTED} & {COUNTER}", options=less, suffix="bound")
    moved = count(bench, host_a, suffix="moved")
    wait_until(lambda: "deleted" in host_a.exec("podman", "logs", large.name).stdout, "a ghost")
    wait_until(lambda: bound.connections() == 2, "the connection")
    before = lengths([bound, moved])
    address = moved.inspect("{{.NetworkSettings.IPAddress}}")
    ask(unschedulable=True, drain={"ghostLimit": {"max": "2Mi"}})
    wait_until(
        lambda: sorted(states().values()) == ["Failed", "Failed", "Safe"], "all to have been tried"
    )

    set_on_host = "In the PodmanHost set spec.drain.ghostLimit.max: 64Mi or more"
    refused = bench.object("ContainerCheckpoint", record(large)["checkpoint"])
    assert refused.status["diagnosis"]["remedy"].startswith(set_on_host)
    by_own = "by a ContainerCheckpoint of your own with spec.tcpEstablished: true"
    for told in (set_on_host, f"without its label {GROUP}/drain-tcp-established", by_own):
        assert told in drained()["message"]
    ask(drain={"ghostLimit": {"max": "64Mi"}})
    refused.delete()
    bench.checkpoint(bound, tcpEstablished=True).wait_ready()
    wait_drained()

    other = bench.run(host_a, "sh", "-c", COUNTER, options=(f"--ip={address}",), suffix="other")
    ask(unschedulable=False)
    wait_for("RestoreFailed")
    by_own = "restore it by a ContainerRestore of your own with spec.ignoreStaticIP: true"
    assert f"Stop {other.name}, or {by_own}" in record(moved)["message"]
    for each, options in ((bound, {"tcpEstablished": True}), (moved, {"ignoreStaticIP": True})):
        source = {"containerRef": {"name": each.name}}
        bench.restore(host_a, source, each.name, **options).wait_ready()
    wait_for("NotDraining")
    assert reasons()[moved.name] == "Adopted"
    assert states()[large.name] == "Restored"
    require_all_count_on([bound, moved], before)


def test_who_may_not_restore_cannot_have_a_drain_do_it(
    bench: Bench, host_a: Host, tmp_path: Path
) -> None:
    """By a checkpoint of another container, in the place of the drain's own."""
    saved = count(bench, host_a, suffix="saved")
    other = bench.count(host_a, suffix="other")
    since = len(saved.counts())
    ask(unschedulable=True)
    wait_drained()
    drains = bench.object("ContainerCheckpoint", record(saved)["checkpoint"])
    kept = ("name", "namespace", "labels", "ownerReferences")
    swapped = drains.get()
    swapped["metadata"] = {key: swapped["metadata"][key] for key in kept}
    swapped["spec"] = {"nodeName": host_a.name, "containerRef": {"name": other.name}}

    with member_kubeconfig(bench.prefix, "editor") as editor:
        (tmp_path / "editor").write_text(editor)
        done = kubectl_as(
            *(tmp_path / "editor", "replace", "--force", "--filename=-"), stdin=json.dumps(swapped)
        )
        assert done.returncode == 0, done
    drains.wait_ready()
    assert other.state == "exited"
    ask(unschedulable=False)
    wait_for("NotDraining")

    saved.require_counting_on(since=since)
    assert other.state == "exited"


def test_a_cordoned_node_is_followed(bench: Bench, host_a: Host) -> None:
    container = count(bench, host_a, suffix="c")
    ask(drain={"followNode": True})
    try:
        kubectl("cordon", "host-a")
        wait_for("Drained")
        wait_until(lambda: container.state == "exited", "the container to be saved")
    finally:
        kubectl("uncordon", "host-a")
    wait_for("NotDraining")
    container.require_counting_on(since=0)


@pytest.fixture
def newer(host_a: Host) -> Iterator[None]:
    """An API server that admits a policy which agents of this version do not know."""
    schema = "/spec/versions/0/schema/openAPIV3Schema"
    policy = f"{schema}/properties/spec/properties/drain/properties/policy/enum/0"

    def change(**what: str) -> None:
        patch = json.dumps([{**what, "path": policy}])
        kubectl("patch", "crd", f"podmanhosts.{GROUP}", "--type=json", f"--patch={patch}")

    change(op="add", value="Migrate")
    yield
    ask(unschedulable=None, drain=None)
    change(op="remove")


@pytest.mark.usefixtures("newer")
def test_a_policy_of_a_newer_version_stands_in_nobodys_way(bench: Bench, host_a: Host) -> None:
    container = count(bench, host_a, suffix="c")
    patch = (
        f"--patch={json.dumps({'spec': {'unschedulable': True, 'drain': {'policy': 'Migrate'}}})}"
    )
    wait_until(
        lambda: (
            kubectl("patch", "phost/host-a", "--type=merge", patch, check=False).returncode == 0
        ),
        "the API server to admit it",
    )
    wait_for("CannotDrain")
    assert "does not know spec.drain.policy Migrate" in drained()["message"]
    bench.checkpoint(container, leaveRunning=True, archive={}).wait_ready()
    assert condition(podman_host("host-a")["status"], "Ready")["status"] == "True"


@pytest.mark.parametrize(
    "point",
    ["before:drain:make", "after:drain:make", "before:host:status", "after:host:status"],
)
def test_an_agent_that_is_killed_goes_on(bench: Bench, host_a: Host, point: str) -> None:
    containers = [count(bench, host_a, suffix=each) for each in ("a", "b")]
    before = lengths(containers)
    for unschedulable in (True, False):
        faults.kill_at(point, host_a)
        ask(unschedulable=unschedulable)
        faults.wait_for_death(host_a)
        host_a.agent_start()
        if unschedulable:
            wait_drained()
            host_a.reboot(None)
        else:
            wait_for("NotDraining")
    require_all_count_on(containers, before)


def made(bench: Bench) -> list[str]:
    """Return what drains have made in the test's own namespace, by its names."""
    selector = f"--selector={GROUP}/drained-host=host-a"
    found = kubectl("get", "cckpt,crst", "--namespace", bench.prefix, selector, "--output=name")
    return [name.rpartition("/")[2] for name in found.stdout.split()]


def test_older_drains_are_forgotten_even_by_an_agent_that_is_killed(
    bench: Bench, host_a: Host
) -> None:
    container = count(bench, host_a, suffix="c")
    ask(drain={"historyLimit": 1})
    for last in (False, True):
        ask(unschedulable=True)
        wait_drained()
        if last:
            faults.kill_at("after:drain:delete", host_a)
        ask(unschedulable=False)
        if last:
            faults.wait_for_death(host_a)
            host_a.agent_start()
        wait_for("NotDraining")

    kept = record(container)["checkpoint"]
    wait_until(lambda: made(bench) == [kept] * 2, "what is older to be deleted")
    container.require_counting_on(since=0)


def test_a_checkpoint_that_is_deleted_at_its_work_does_no_harm(bench: Bench, host_a: Host) -> None:
    container = count(bench, host_a, suffix="c")
    faults.kill_at("after:podman:checkpoint:STOP", host_a)
    ask(unschedulable=True)
    faults.wait_for_stop(host_a)
    kubectl("delete", "cckpt", record(container)["checkpoint"], "--namespace", bench.prefix)
    faults.let_go_on(host_a)
    wait_drained()
    assert states() == {container.name: "Safe"}
    ask(unschedulable=False)
    wait_for("NotDraining")
    container.require_counting_on(since=0)


def test_a_clock_that_was_put_back_loses_nothing(bench: Bench, host_a: Host) -> None:
    """The container was started before; of Podman's accounts only the time of that is changed."""
    container = count(bench, host_a, suffix="c")
    later = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+1 hour')"
    changed = f"UPDATE ContainerState SET JSON = json_set(JSON, '$.startedTime', {later})"
    host_a.exec("python3", "-c", EXECUTE, f"{changed} WHERE ID = '{container.id}'")
    ask(unschedulable=True)
    wait_drained()
    assert states() == {container.name: "Safe"}
    host_a.reboot(None)
    ask(unschedulable=False)
    wait_for("NotDraining")
    container.require_counting_on(since=0)


def test_a_checkpoint_that_comes_too_late_is_deleted(bench: Bench, host_a: Host) -> None:
    """The container is stopped when the drain has seen it run."""
    container = count(bench, host_a, suffix="c")
    faults.kill_at("after:drain:make", host_a)
    ask(unschedulable=True)
    faults.wait_for_death(host_a)
    host_a.exec("podman", "stop", "--time=0", container.name)
    faults.kill_at("before:drain:delete", host_a)
    faults.wait_for_death(host_a)
    (late,) = made(bench)
    shown = kubectl("get", f"cckpt/{late}", "--namespace", bench.prefix).stdout
    assert f" {container.name} " in shown
    assert "ContainerNotRunning" in shown

    host_a.agent_start()
    wait_drained()
    wait_until(lambda: not made(bench), "what came too late to be deleted")
    assert "1 gone meanwhile" in drained()["message"]
    assert "ended before the drain saved it" in record(container)["message"]


def test_agents_killed_at_random(bench: Bench, host_a: Host) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    containers = six(bench, host_a)
    for _ in range(times(2, soak=20)):
        before = lengths(containers)
        for unschedulable in (True, False):
            ask(unschedulable=unschedulable)
            for _ in range(chance.randint(1, 3)):
                time.sleep(chance.uniform(0, 3))
                host_a.agent_kill()
                host_a.agent_start()
            if not unschedulable:
                wait_for("NotDraining")
                continue
            wait_drained()
            if chance.random() < 0.5:
                host_a.reboot(None)
        require_all_count_on(containers, before)


def test_by_the_plugin(bench: Bench, host_a: Host) -> None:
    container = count(bench, host_a, suffix="c")
    less = (*label(bench), "--label=podman-checkpoint.dev/drain-tcp-established=false")
    stubborn = bench.run(host_a, "sh", "-c", CONNECTED, options=less, suffix="stubborn")
    wait_until(lambda: stubborn.connections() == 2, "the connection")
    plugin = ("podman-checkpoint", "--timeout=2m", "--wait")
    before = lengths([container])
    done = kubectl(plugin[0], "drain", "host-a", *plugin[1:], check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "podmanhost.podman-checkpoint.dev/host-a is to be drained\n"
    assert f"{container.name}: Safe" in done.stderr
    assert f"{stubborn.name}: Failed: " in done.stderr
    assert "CannotDrain: " in done.stderr
    assert reasons()[stubborn.name] == "TCPEstablished"

    # The agent sees it only when it looks again; what it told before is not what is waited for.
    stubborn.remove()
    done = kubectl(plugin[0], "drain", "host-a", *plugin[1:])
    assert "Drained: 1 container" in done.stderr
    assert container.state == "exited"
    done = kubectl(plugin[0], "undrain", "host-a", *plugin[1:])
    assert f"{container.name}: Restored" in done.stderr
    require_all_count_on([container], before)
