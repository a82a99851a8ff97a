"""The agent as a real Quadlet: its unit starts it, and it checkpoints and restores in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_container_agent import logs
from tests.lab import agent_image, lifecycle
from tests.lab.container_agents import CONTAINER, SOURCE
from tests.lab.hosts import NamespacedHost
from tests.lab.vm_agent import UNIT, UNIT_FILE
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench
    from tests.lab.vm import VirtualHost

pytestmark = [pytest.mark.lab, pytest.mark.vm, pytest.mark.timeout(1800)]

FOLDER = "/etc/containers/systemd"
ASIDE = "/root/agent.service"
"""Where the unit of the program waits: generators make none of a name that is in /etc."""


@pytest.fixture(scope="module")
def image() -> Iterator[bytes]:
    """The project's image, built where that does not take half an hour."""
    lifecycle.up(["host-a"])
    builder = NamespacedHost("host-a")
    agent_image.build(builder)
    packed = f"/var/tmp/{CONTAINER}.tar"
    builder.exec("podman", "save", "--quiet", f"--output={packed}", agent_image.IMAGE)
    file = builder.rootfs / packed.removeprefix("/")
    yield file.read_bytes()
    file.unlink()


@pytest.fixture
def agent(machine: VirtualHost, work: Bench, image: bytes) -> Iterator[None]:
    """The agent of ``machine``, installed as docs/install.md says."""
    machine.exec("podman", "load", "--quiet", stdin=image)
    machine.exec("systemctl", "stop", UNIT)
    machine.exec("mv", UNIT_FILE, ASIDE)
    machine.exec("mkdir", "-p", FOLDER)
    machine.exec("sh", "-c", 'cat >"$0"', f"{FOLDER}/{SOURCE.name}", stdin=SOURCE.read_text())
    machine.exec("systemctl", "daemon-reload")
    machine.exec("systemctl", "start", UNIT)
    yield
    machine.exec("systemctl", "stop", UNIT)
    machine.exec("rm", f"{FOLDER}/{SOURCE.name}")
    machine.exec("mv", ASIDE, UNIT_FILE)
    machine.exec("systemctl", "daemon-reload")
    machine.exec("podman", "rmi", "--force", agent_image.IMAGE)


def test_a_container_is_saved_and_restored(machine: VirtualHost, work: Bench, agent: None) -> None:
    wait_until(
        lambda: "agent started" in logs(machine, CONTAINER), "the agent", timeout=work.patience
    )
    counter = work.count(machine)

    saved = work.checkpoint(counter)
    saved.wait_ready()
    assert counter.state == "exited"
    work.restore(machine, saved).wait_ready()

    counter.require_counting_on(since=len(counter.counts()))
    assert machine.exec("systemctl", "is-active", UNIT).stdout == "active\n"
