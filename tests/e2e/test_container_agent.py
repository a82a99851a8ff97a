"""The agent in a container: the image, and the mounts and rights that the Quadlet gives it.

Not here: that systemd starts and stops it (docs/install.md), and a Pod's (test_chart.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import quadlet
from tests.lab.hosts import NamespacedHost
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench

pytestmark = pytest.mark.lab


@pytest.fixture
def host(bench: Bench) -> Iterator[NamespacedHost]:
    """A host whose agent runs in a container."""
    host = NamespacedHost("host-a")
    host.agent_kill()
    quadlet.start(host)
    wait_until(lambda: "agent started" in quadlet.log(host), "the agent in its container")
    yield host
    quadlet.stop(host)


def test_its_mounts_and_rights_are_enough(bench: Bench, host: NamespacedHost) -> None:
    container = bench.run(host, image="ghostwriter", options=("--volume", "/data"))

    def logs() -> str:
        return host.exec("podman", "logs", container.name).stdout

    wait_until(lambda: "deleted" in logs(), "the ghost file to be deleted")
    # Frozen, with the host's ghost limit raised, and captured.
    live = bench.checkpoint(container, "live", leaveRunning=True, archive={})
    assert live.wait_ready()["ghostLimit"]["configFile"] == "/etc/criu/runc.conf"
    assert "ghost-limit" in host.exec("cat", "/etc/criu/runc.conf").stdout
    # From the archive, beside the original.
    copy = bench.restore(
        host, live, "copy", name=bench.name("copy"), ignoreVolumes=True
    ).wait_ready()
    assert copy["container"]["name"] == bench.name("copy")
    # In place.
    saved = bench.checkpoint(container)
    saved.wait_ready()
    before = len(logs().splitlines())
    bench.restore(host, saved).wait_ready()
    wait_until(lambda: len(logs().splitlines()) > before, "the next number")


def test_it_says_what_its_container_lacks(host: NamespacedHost) -> None:
    """Started without the host's PID namespace, it would act on the wrong processes."""
    *_, start = quadlet.commands(host)
    assert "--pid=host" in start
    left_out = ("--pid", "-d", "--replace", "--cidfile", "--name", quadlet.CONTAINER, "--cgroups")
    done = host.exec(*(word for word in start if not word.startswith(left_out)), check=False)
    assert done.returncode == 2
    assert "--pid=host" in done.stderr
    assert "Traceback" not in done.stderr
