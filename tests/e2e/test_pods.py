"""Containers in pods: in place, after a reboot, into a pod of another host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.support import COUNTER, Container
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

# Answers each line with its number and the line itself; takes one connection.
SERVER = """\
cat >/answer <<'END'
n=0
while read -r line; do n=$((n + 1)); echo "$n $line"; done
END
exec nc -l -p 7000 -e sh /answer
"""
# Asks once a second, and writes what comes back.
CLIENT = """\
cat >/ask <<'END'
n=0
while :; do n=$((n + 1)); echo "$n"; read -r answer; echo "$answer" >>/answers; sleep 0.2; done
END
exec nc 127.0.0.1 7000 -e sh /ask
"""


def make_pod(bench: Bench, host: Host, *options: str, suffix: str = "pod") -> str:
    name = bench.name(suffix)
    host.exec("podman", "pod", "create", "--name", name, *options)
    return name


def in_pod(bench: Bench, host: Host, pod: str, script: str, suffix: str = "c") -> Container:
    return bench.run(host, "sh", "-c", script, options=(f"--pod={pod}",), suffix=suffix)


def counting(container: Container) -> Container:
    wait_until(
        lambda: len(container.exec("cat", "/counts", check=False).stdout) > 4, "a few counts"
    )
    return container


def test_in_place_when_the_pod_ended_with_it_and_after_a_reboot(bench: Bench, host_a: Host) -> None:
    pod = make_pod(bench, host_a, "--exit-policy=stop", "--share=ipc,net,uts,pid")
    container = counting(in_pod(bench, host_a, pod, COUNTER))
    saved = bench.checkpoint(container, "first")
    saved.wait_ready()
    wait_until(lambda: pod_state(host_a, pod) == "Exited", "the pod to end")

    bench.restore(host_a, saved, "stopped").wait_ready()

    container.require_counting_on(since=len(container.counts()))
    assert pod_state(host_a, pod) == "Running"
    saved = bench.checkpoint(container, "second")
    saved.wait_ready()
    host_a.reboot(None)

    bench.restore(host_a, saved, "rebooted").wait_ready()

    container.require_counting_on(since=len(container.counts()))
    infra = host_a.exec("podman", "pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
    assert network_of(container) == network_of(Container(host_a, infra.stdout.strip()))


def pod_state(host: Host, pod: str) -> str:
    return host.exec("podman", "pod", "inspect", "--format", "{{.State}}", pod).stdout.strip()


def network_of(container: Container) -> str:
    """The network namespace of a container's first process."""
    pid = container.inspect("{{.State.Pid}}")
    return container.host.exec("readlink", f"/proc/{pid}/ns/net").stdout.strip()


def test_into_a_pod_of_another_host(bench: Bench, host_a: Host, host_b: Host) -> None:
    pod = make_pod(bench, host_a)
    container = counting(in_pod(bench, host_a, pod, COUNTER))
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    there = container.on(host_b)
    host_b.load_image("busybox")

    none = bench.restore(host_b, saved, "none")
    require_failed(none, "PodNeeded", evidence="was in a pod", remedy="spec.pod")
    absent = bench.restore(host_b, saved, "absent", pod=pod)
    status = require_failed(
        absent, "PodMissing", evidence=pod, remedy="podman pod create --share ipc,net,uts"
    )
    little = make_pod(bench, host_b, "--share=net", suffix="little")
    mismatch = bench.restore(host_b, saved, "little", pod=little)
    require_failed(mismatch, "PodMismatch", evidence="does not share ipc", remedy="--share ipc,net")
    host_b.exec(*status["diagnosis"]["remedy"].split())
    ports = bench.restore(host_b, saved, "ports", pod=pod, publishPorts=["18436:80"])
    require_failed(
        ports, "UnsupportedOption", evidence="spec.publishPorts", remedy="podman pod create"
    )
    assert not there.exists()

    bench.restore(host_b, saved, "good", pod=pod).wait_ready()

    there.require_counting_on(since=1)
    assert there.inspect("{{.Pod}}") == pod_id(host_b, pod)
    outside = bench.count(host_a, suffix="outside")
    alone = bench.checkpoint(outside, "alone", leaveRunning=True, archive={})
    require_failed(
        bench.restore(host_b, alone, "outside", pod=pod),
        "PodMismatch",
        evidence="was in no pod",
        remedy="Set no spec.pod",
    )


def pod_id(host: Host, pod: str) -> str:
    return host.exec("podman", "pod", "inspect", "--format", "{{.ID}}", pod).stdout.strip()


def test_others_of_a_pod_stay_reachable_when_one_is_stopped(bench: Bench, host_a: Host) -> None:
    """And when it cannot be restored: a file is missing that it had open."""
    pod = make_pod(bench, host_a)
    script = "mkdir /www; echo here >/www/index.html; exec httpd -f -p 8000 -h /www"
    server = in_pod(bench, host_a, pod, script, "server")
    container = counting(in_pod(bench, host_a, pod, f"exec 3>>/open; {COUNTER}"))

    def reachable() -> bool:
        asked = server.exec("wget", "-T", "3", "-qO-", "http://127.0.0.1:8000/", check=False)
        return asked.stdout == "here\n"

    wait_until(reachable, "the server")
    saved = bench.checkpoint(container)
    saved.wait_ready()
    assert container.state == "exited"
    assert reachable()

    open_file = f"{container.inspect('{{.GraphDriver.Data.UpperDir}}')}/open"
    host_a.exec("mv", open_file, f"{open_file}.away")
    bench.restore(host_a, saved, "missing").wait_failed("FileChanged")
    assert reachable()
    host_a.exec("mv", f"{open_file}.away", open_file)
    bench.restore(host_a, saved).wait_ready()
    container.require_counting_on(since=len(container.counts()))
    assert reachable()


def test_a_connection_between_containers_of_a_pod_goes_on(bench: Bench, host_a: Host) -> None:
    pod = make_pod(bench, host_a)
    server = in_pod(bench, host_a, pod, SERVER, "server")
    wait_until(lambda: ":7000" in server.exec("netstat", "-ltn").stdout, "the server to listen")
    client = in_pod(bench, host_a, pod, CLIENT, "client")

    def answers() -> list[str]:
        return client.exec("cat", "/answers", check=False).stdout.splitlines()

    wait_until(lambda: len(answers()) > 2, "answers")
    saved = bench.checkpoint(client, tcpEstablished=True)
    status = saved.wait_ready()

    (warning,) = (each for each in status["preflight"] if each["check"] == "SharedNetwork")
    assert warning["result"] == "Warn"
    assert server.name in warning["message"]
    bench.restore(host_a, saved, tcpEstablished=True).wait_ready()

    before = len(answers())
    wait_until(lambda: len(answers()) > before + 2, "more answers")
    seen = answers()
    assert seen == [f"{n} {n}" for n in range(1, len(seen) + 1)]


def test_an_infra_container_is_not_checkpointed(bench: Bench, host_a: Host) -> None:
    pod = make_pod(bench, host_a)
    host_a.exec("podman", "pod", "start", pod)
    infra = host_a.exec("podman", "pod", "inspect", "--format", "{{.InfraContainerID}}", pod)
    container = Container(host_a, infra.stdout.strip())
    name = container.inspect("{{.Name}}")
    require_failed(
        bench.checkpoint(Container(host_a, name)),
        "InfraContainer",
        evidence=name,
        remedy="Checkpoint the other containers of the pod",
    )
    assert container.state == "running"


def test_namespaces_of_another_container(bench: Bench, host_a: Host) -> None:
    owner = bench.count(host_a, suffix="owner")
    container = bench.count(host_a, f"--network=container:{owner.name}")
    require_failed(
        bench.checkpoint(container, "archive", leaveRunning=True, archive={}),
        "DependsOnContainers",
        evidence=owner.id[:12],
        remedy="neither spec.archive",
    )
    saved = bench.checkpoint(container, "kept")
    saved.wait_ready()
    bench.restore(host_a, saved, "kept").wait_ready()
    container.require_counting_on(since=len(container.counts()))

    saved = bench.checkpoint(container, "lost")
    saved.wait_ready()
    host_a.exec("podman", "restart", "--time=0", owner.name)
    require_failed(
        bench.restore(host_a, saved, "lost"),
        "DependencyRestarted",
        evidence=owner.name,
        remedy=f"podman start {container.name}",
    )
    assert container.state == "exited"
