"""Restores: elsewhere as the same container, beside it as a clone, and over what is there."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import criu_replaced
from tests.e2e.support import condition
from tests.lab import paths
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container, Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

HTTPD = "mkdir /www && echo original >/www/name && exec httpd -f -p 80 -h /www"


@pytest.fixture
def container(bench: Bench, host_a: Host, host_b: Host) -> Container:
    """A container on host-a that counts; host-b has its image."""
    host_b.load_image("busybox")
    return bench.count(host_a)


@pytest.fixture
def saved(bench: Bench, container: Container) -> Object:
    """A live archive of it, Ready."""
    saved = bench.checkpoint(container, "live", leaveRunning=True, archive={})
    saved.wait_ready()
    return saved


def test_on_another_host_it_is_the_same_container(
    bench: Bench, container: Container, saved: Object, host_b: Host
) -> None:
    status = bench.restore(host_b, saved).wait_ready()

    there = container.on(host_b)
    there.require_counting_on(since=1)
    assert there.id == container.id == status["container"]["id"]
    assert status["container"]["name"] == container.name
    assert condition(status, "Restored")["status"] == "True"
    assert {each["result"] for each in status["preflight"]} == {"Pass"}
    assert status["statistics"]["restoreMicroseconds"] > 0


def test_from_an_archive_whose_checkpoint_is_gone(
    bench: Bench, container: Container, saved: Object, host_b: Host
) -> None:
    archive = saved.status["archive"]
    saved.delete()

    bench.restore(
        host_b, {"archive": {"uri": archive["uri"], "digest": archive["digest"]}}
    ).wait_ready()

    container.on(host_b).require_counting_on(since=1)


def test_from_the_state_left_on_the_host(bench: Bench, container: Container, host_a: Host) -> None:
    bench.checkpoint(container).wait_ready()

    bench.restore(host_a, {"containerRef": {"name": container.name}}).wait_ready()

    container.require_counting_on(since=len(container.counts()))


def test_clone_beside_the_original_on_ports_of_its_own(bench: Bench, host_a: Host) -> None:
    original = bench.run(host_a, "sh", "-c", HTTPD, options=("--publish=18080:80",))
    address = f"{paths.SUBNET}.1"
    wait_until(lambda: answers(address, 18080), "the original's web server")
    saved = bench.checkpoint(original, leaveRunning=True, archive={})

    status = bench.restore(
        host_a, saved, name=bench.name("clone"), publishPorts=["18081:80"]
    ).wait_ready()

    assert status["container"]["name"] == bench.name("clone")
    assert status["container"]["id"] != original.id
    original.exec("sh", "-c", "echo changed >/www/name")
    assert get(address, 18080) == "changed\n"
    assert get(address, 18081) == "original\n"


def test_a_restore_waits_for_its_checkpoint(
    bench: Bench, container: Container, host_b: Host
) -> None:
    late = bench.object("ContainerCheckpoint", "late")
    restore = bench.restore(host_b, late)
    restore.wait_for(
        lambda status: condition(status, "Ready").get("reason") == "WaitingForCheckpoint",
        "waiting visibly",
    )

    bench.checkpoint(container, "late", leaveRunning=True, archive={})

    restore.wait_ready()
    container.on(host_b).require_counting_on(since=1)


class TestExistingContainer:
    """Something on the host has the name or the ID already."""

    def test_fail_leaves_the_same_container_alone(
        self, bench: Bench, container: Container, saved: Object, host_a: Host
    ) -> None:
        started = container.started_at

        status = bench.restore(host_a, saved).wait_failed("IDInUse")

        assert "spec.name" in status["diagnosis"]["remedy"]
        assert container.started_at == started
        container.require_counting_on(since=len(container.counts()))

    def test_fail_leaves_another_of_the_same_name_alone(
        self, bench: Bench, container: Container, saved: Object, host_b: Host
    ) -> None:
        other = bench.run(host_b, "sleep", "1000")
        assert other.name == container.name
        identity = other.id

        bench.restore(host_b, saved).wait_failed("NameInUse")

        assert (other.id, other.state) == (identity, "running")

    def test_adopt_takes_the_running_one_as_it_is(
        self, bench: Bench, container: Container, saved: Object, host_a: Host
    ) -> None:
        started = container.started_at

        status = bench.restore(host_a, saved, existingContainer="Adopt").wait_ready()

        assert condition(status, "Ready")["reason"] == "Adopted"
        assert status["container"]["id"] == container.id
        assert container.started_at == started

    def test_replace_takes_the_same_container_back_in_time(
        self, bench: Bench, container: Container, saved: Object, host_a: Host
    ) -> None:
        identity = container.id
        container.exec("touch", "/after")

        bench.restore(host_a, saved, existingContainer="Replace").wait_ready()

        container.require_counting_on(since=1)
        assert container.id == identity
        assert container.exec("test", "-e", "/after", check=False).returncode == 1

    def test_replace_removes_another_of_the_same_name(
        self, bench: Bench, container: Container, saved: Object, host_b: Host
    ) -> None:
        other = bench.run(host_b, "sleep", "1000").id

        bench.restore(host_b, saved, existingContainer="Replace").wait_ready()

        container.on(host_b).require_counting_on(since=1)
        assert container.on(host_b).id == container.id
        assert host_b.exec("podman", "container", "exists", other, check=False).returncode == 1


def get(address: str, port: int) -> str:
    with urllib.request.urlopen(f"http://{address}:{port}/name", timeout=5) as answer:
        text: bytes = answer.read()
    return text.decode()


def answers(address: str, port: int) -> bool:
    try:
        return bool(get(address, port))
    except OSError:
        return False


def test_in_place_a_restore_that_ends_late_has_ended_well(
    bench: Bench, container: Container, host_a: Host
) -> None:
    saved = bench.checkpoint(container)
    saved.wait_ready()
    late = '[ "$1" != swrk ] || sleep 6\nexec /usr/sbin/criu.away "$@"\n'
    with criu_replaced(host_a, f"#!/bin/sh\n{late}"):
        bench.restore(host_a, saved, timeoutSeconds=5).wait_ready()

    container.require_counting_on(since=1)
