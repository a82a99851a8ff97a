"""Podman, the power, the API server, the disk or the resource go away in the middle of it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import (
    STATE,
    archives,
    kill_at,
    let_go_on,
    podman_away,
    require_kept,
    require_nothing_left,
    require_one_archive,
    require_unfrozen,
    state_on_host,
    wait_for_death,
    wait_for_stop,
)
from tests.e2e.support import condition
from tests.lab import controlplane
from tests.lab.agents import FAULT_VARIABLE
from tests.lab.kubectl import kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

AWAY_SECONDS = 10
FULL = "/var/tmp/full"
"""A small file system of its own, for archives."""


class TestPodmanKilled:
    def test_in_a_live_dump(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("during:podman:checkpoint:PODMAN", host_a)
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        wait_until(
            lambda: condition(saved.status, "Reconciling").get("reason") == "WaitingForPodman",
            "the agent to wait for Podman",
        )
        require_unfrozen(container)
        host_a.agent_start()
        saved.wait_ready()
        require_unfrozen(container)
        require_one_archive(bench, saved)
        require_nothing_left(host_a)

    def test_in_a_stopping_dump(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("during:podman:checkpoint:PODMAN", host_a)
        saved = bench.checkpoint(container)
        wait_until(
            lambda: condition(saved.status, "Reconciling").get("reason") == "WaitingForPodman",
            "the agent to wait for Podman",
        )
        host_a.agent_start()
        saved.wait_ready()
        require_kept(container)
        require_nothing_left(host_a)
        bench.restore(host_a, saved).wait_ready()
        require_unfrozen(container)


class TestPodmanAway:
    """It is killed in the middle of an operation, and not back before that has failed."""

    def test_in_a_live_dump_and_another_agent_cleans_up(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("during:podman:checkpoint:PODMAN", host_a)
        with podman_away(host_a):
            saved = bench.checkpoint(
                container, leaveRunning=True, archive={}, timeoutSeconds=AWAY_SECONDS
            )
            status = saved.wait_failed("PodmanUnreachable")
            assert "the agent cleans up" in status["diagnosis"]["remedy"]
            assert host_a.exec("ls", STATE).stdout
            host_a.agent_kill()
            host_a.agent_start()
        require_nothing_left(host_a)
        assert not state_on_host(container)
        assert not archives(bench)
        require_unfrozen(container)

    def test_in_a_restore_that_had_put_a_container_aside(
        self, bench: Bench, host_a: Host, host_b: Host
    ) -> None:
        saved = bench.checkpoint(bench.count(host_a), leaveRunning=True, archive={})
        saved.wait_ready()
        other = bench.count(host_b, "--stop-timeout=0")
        replaced = other.id
        kill_at("during:podman:restore_archive:PODMAN", host_b)
        with podman_away(host_b):
            back = bench.restore(
                host_b, saved, existingContainer="Replace", timeoutSeconds=AWAY_SECONDS
            )
            back.wait_failed("PodmanUnreachable")
        require_nothing_left(host_b)
        assert other.id == replaced
        wait_until(lambda: other.state == "running", "the other container to run again")
        # The address of what Podman was just making stays taken till then, and tests run into it.
        host_b.reboot(None)


class TestPowerCut:
    def test_in_a_live_dump(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("after:podman:checkpoint", host_a)
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        wait_for_death(host_a)
        host_a.reboot(None)
        status = saved.wait_failed("Interrupted")
        assert "podman start" in status["diagnosis"]["remedy"]
        assert not archives(bench)
        require_nothing_left(host_a)
        host_a.exec("podman", "start", container.name)
        wait_until(lambda: container.state == "running", "the container to run")

    def test_after_a_stopping_dump(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("after:file:write", host_a)
        saved = bench.checkpoint(container, archive={})
        wait_for_death(host_a)
        host_a.reboot(None)
        saved.wait_ready()
        require_one_archive(bench, saved)
        require_nothing_left(host_a)
        bench.restore(host_a, saved).wait_ready()
        require_unfrozen(container)


class TestDeleted:
    """Resources that are deleted while no agent is there."""

    @pytest.mark.parametrize("point", ["after:archives:capture", "after:file:write"])
    def test_a_live_checkpoint(self, bench: Bench, host_a: Host, point: str) -> None:
        container = bench.count(host_a)
        kill_at(point, host_a)
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        wait_for_death(host_a)
        saved.delete()
        host_a.agent_start()
        require_nothing_left(host_a)
        require_unfrozen(container)
        assert not archives(bench)
        assert not state_on_host(container)

    def test_a_stopping_checkpoint(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("after:podman:checkpoint", host_a)
        saved = bench.checkpoint(container)
        wait_for_death(host_a)
        saved.delete()
        host_a.agent_start()
        require_nothing_left(host_a)
        bench.restore(host_a, {"containerRef": {"name": container.name}}).wait_ready()
        require_unfrozen(container)

    def test_with_its_archive(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("after:store:publish", host_a)
        saved = bench.checkpoint(container, leaveRunning=True, archive={}, deletionPolicy="Delete")
        wait_for_death(host_a)
        assert archives(bench)
        kubectl("delete", *saved.words(), "--wait=false")
        host_a.agent_start()
        wait_until(lambda: not saved.exists(), "the resource to be gone", timeout=120)
        assert not archives(bench)
        require_nothing_left(host_a)
        require_unfrozen(container)

    def test_a_restore_that_had_put_a_container_aside(
        self, bench: Bench, host_a: Host, host_b: Host
    ) -> None:
        container = bench.count(host_a)
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        saved.wait_ready()
        other = bench.count(host_b, "--stop-timeout=0")
        replaced = other.id
        kill_at("after:podman:rename", host_b)
        back = bench.restore(host_b, saved, existingContainer="Replace")
        wait_for_death(host_b)
        back.delete()
        host_b.agent_start()
        require_nothing_left(host_b)
        assert other.id == replaced
        assert other.state == "running"

    def test_and_created_again_under_the_same_name(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        kill_at("after:podman:checkpoint", host_a)
        first = bench.checkpoint(container)
        uid = first.get()["metadata"]["uid"]
        wait_for_death(host_a)
        first.delete()
        host_a.exec("podman", "start", container.name)
        second = bench.checkpoint(container)
        assert second.get()["metadata"]["uid"] != uid
        host_a.agent_start()
        second.wait_ready()
        require_nothing_left(host_a)
        assert state_on_host(container)
        bench.restore(host_a, second).wait_ready()


class TestApiServerDown:
    @pytest.fixture
    def api_server(self) -> Iterator[None]:
        yield
        controlplane.up()

    def stop_api_server(self) -> None:
        controlplane.API_SERVER.stop()

    def test_when_the_end_is_to_be_told(self, bench: Bench, host_a: Host, api_server: None) -> None:
        container = bench.count(host_a)
        kill_at("before:status:final:STOP", host_a)
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        wait_for_stop(host_a)
        self.stop_api_server()
        seen = len(host_a.agent_log())
        let_go_on(host_a)
        wait_until(
            lambda: "status not written" in host_a.agent_log()[seen:], "the agent to fail to tell"
        )
        controlplane.up()
        saved.wait_ready()
        require_one_archive(bench, saved)
        require_nothing_left(host_a)

    def test_when_the_agent_is_killed_after_that(
        self, bench: Bench, host_a: Host, api_server: None
    ) -> None:
        container = bench.count(host_a)
        kill_at("before:status:final:STOP", host_a)
        saved = bench.checkpoint(container)
        wait_for_stop(host_a)
        self.stop_api_server()
        host_a.agent_kill()
        host_a.agent_start()
        controlplane.up()
        saved.wait_ready()
        require_nothing_left(host_a)
        bench.restore(host_a, saved).wait_ready()
        require_unfrozen(container)


def test_sigterm_in_the_middle_of_an_archive(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    container.exec("dd", "if=/dev/urandom", "of=/big", "bs=1M", "count=48")
    kill_at("after:file:write:TERM", host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={"compression": "none"})
    wait_for_death(host_a)
    assert condition(saved.status, "Ready").get("status") != "True"
    require_unfrozen(container)

    host_a.agent_start()
    saved.wait_ready()

    require_one_archive(bench, saved)
    require_nothing_left(host_a)


@pytest.fixture
def full(host_a: Host) -> Iterator[None]:
    host_a.exec(
        "sh",
        "-c",
        f"mkdir -p {FULL} && mount -t tmpfs -o size=40m tmpfs {FULL} && mkdir {FULL}/archives",
    )
    yield
    host_a.exec("umount", "--lazy", FULL)


def test_the_disk_runs_full_under_an_archive(bench: Bench, host_a: Host, full: None) -> None:
    container = bench.count(host_a)
    host_a.agent_start(
        {
            FAULT_VARIABLE: "before:archives:store:STOP",
            "PODMAN_CHECKPOINT_ARCHIVE_DIR": f"{FULL}/archives",
        }
    )
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    wait_for_stop(host_a)
    require_unfrozen(container)
    host_a.exec("dd", "if=/dev/zero", f"of={FULL}/filler", "bs=1M", check=False)
    let_go_on(host_a)

    status = saved.wait_failed("NoSpace")

    assert status["diagnosis"]["remedy"]
    require_unfrozen(container)
    assert host_a.exec("find", f"{FULL}/archives", "-type", "f").stdout == ""
    assert not state_on_host(container)
    require_nothing_left(host_a)
