"""Between hosts of different releases: newer Podman, runc and crun beside the present ones.

``PODMAN_CHECKPOINT_LAB_RELEASE=next`` runs all other end-to-end tests on the newer release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.failing import reproduces
from tests.e2e.support import CONNECTED, clear_host, podman_version
from tests.lab import inventory, lifecycle
from tests.lab.hosts import NamespacedHost
from tests.lab.releases import NEXT_HOST
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.failing import Failing
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

REST = "while :; do sleep 1; done"


@pytest.fixture(scope="module")
def newer() -> Iterator[Host]:
    lifecycle.up((NEXT_HOST,))
    host = inventory.host(NEXT_HOST)
    yield host
    host.down()


@pytest.fixture
def host_n(bench: Bench, newer: Host) -> Iterator[Host]:
    newer.agent_start()
    yield newer
    clear_host(newer, bench.prefix)


def test_a_container_moves_to_the_newer_host_and_back(
    bench: Bench, host_a: Host, host_n: Host
) -> None:
    assert podman_version(host_a) < podman_version(host_n)
    container = bench.count(host_a)
    host_n.load_image("busybox")
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()

    bench.restore(host_n, saved).wait_ready()

    there = container.on(host_n)
    there.require_counting_on(since=1)
    assert there.id == container.id

    container.remove()
    seen = len(there.counts())
    saved = bench.checkpoint(there, "there", archive={})
    saved.wait_ready()
    bench.restore(host_a, saved, "home").wait_ready()
    container.require_counting_on(since=seen)


def test_in_place_and_back_after_a_reboot(bench: Bench, host_n: Host) -> None:
    container = bench.count(host_n)
    seen = len(container.counts())
    saved = bench.checkpoint(container)
    saved.wait_ready()
    host_n.reboot(None)
    bench.restore(host_n, saved).wait_ready()
    container.require_counting_on(since=seen)


def test_saved_connections_are_closed_where_that_can_be(bench: Bench, host_n: Host) -> None:
    container = bench.run(host_n, "sh", "-c", f"{CONNECTED}; {REST}", options=("--runtime=crun",))
    wait_until(lambda: container.connections() == 2, "a connection")
    saved = bench.checkpoint(container, tcpEstablished=True)
    saved.wait_ready()

    bench.restore(host_n, saved, tcpClose=True).wait_ready()

    assert container.state == "running"
    assert not container.connections()


@reproduces("ghost-file")
@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_the_log_of_a_failed_dump_is_found(failing: Failing, newer: Host, runtime: str) -> None:
    failing.host = NamespacedHost(newer.name)
    container = failing.script(
        "exec 3>/g; dd if=/dev/zero of=/g bs=1M count=2; rm /g", runtime=runtime
    )
    with failing.criu_options():
        failing.checkpoint(container)


@reproduces("file-missing")
@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_the_log_of_a_failed_restore_is_found(failing: Failing, newer: Host, runtime: str) -> None:
    """These runtimes name no log, or quote from it what is harmless."""
    failing.host = NamespacedHost(newer.name)
    folder = f"/srv/{failing.bench.prefix}"
    newer.exec("mkdir", "-p", folder)
    container = failing.script("exec 3>/data/log", f"--volume={folder}:/data", runtime=runtime)
    failing.saved(container)
    newer.exec("rm", f"{folder}/log")
    failing.restore(container)
