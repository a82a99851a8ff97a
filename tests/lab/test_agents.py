"""The agent as the lab starts it in a host.

Checked on a real host, with a small program in the agent's place: what it is started with, what
replaces it, what kills it, and that it starts at a reboot. With the product itself: that its wheel
and its locked dependencies can be loaded by the host's Python. Not checked: what the agent does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import agents
from tests.lab.agent_process import COMMAND, KUBECONFIG
from tests.lab.agents import for_hosts
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.hosts import NamespacedHost
    from tests.lab.stand_in import Checkout


@pytest.fixture
def agent_host(checkout: Checkout, host: NamespacedHost) -> Iterator[NamespacedHost]:
    host.install_agent("credential\n")
    (host.rootfs / "var/log/podman-checkpoint-agent.log").unlink(missing_ok=True)
    yield host
    host.exec("rm", KUBECONFIG, COMMAND)
    host.reboot()


def wait_for_log(host: NamespacedHost, text: str) -> None:
    wait_until(lambda: text in host.agent_log(), f"{text!r} in the log")


@pytest.mark.lab
class TestAgentProcess:
    def test_is_started_with_its_settings(self, agent_host: NamespacedHost) -> None:
        assert not agent_host.agent_running()
        agent_host.agent_start({"LIMIT": "3"})
        assert agent_host.agent_running()
        wait_for_log(
            agent_host, "podman-checkpoint-agent run node=host-t limit=3 first\ncredential"
        )

    def test_has_a_control_group_of_its_own(self, agent_host: NamespacedHost) -> None:
        agent_host.agent_start()
        wait_until(lambda: "sleep 4713" in agent_host.exec("ps", "ax").stdout, "its child")
        processes = agent_host.exec("sh", "-c", "ps -o args= $(cat /sys/fs/cgroup/agent/*procs)")
        assert "podman-checkpoint-agent run" in processes.stdout
        assert "sleep 4713" in processes.stdout
        assert "podman system service" not in processes.stdout

    def test_is_left_alone_by_a_second_start(self, agent_host: NamespacedHost) -> None:
        agent_host.agent_start()
        wait_for_log(agent_host, "first")
        agent_host.agent_start()
        assert agent_host.agent_log().count("first") == 1

    def test_is_replaced_when_anything_differs(
        self, agent_host: NamespacedHost, checkout: Checkout
    ) -> None:
        agent_host.agent_start()
        agent_host.agent_start({"LIMIT": "4"})
        wait_for_log(agent_host, "limit=4 first")
        checkout.name = "second"
        agent_host.agent_start({"LIMIT": "4"})
        wait_for_log(agent_host, "limit=4 second\ncredential")
        agent_host.install_agent("renewed\n")
        agent_host.agent_start({"LIMIT": "4"})
        wait_for_log(agent_host, "limit=4 second\nrenewed")
        running = ("pgrep", "--count", "--full", "podman-checkpoint-agent run")
        # A child has its parent's command line until it runs a program of its own.
        wait_until(lambda: agent_host.exec(*running).stdout.strip() == "1", "one agent alone")

    def test_is_killed_without_its_helpers(self, agent_host: NamespacedHost) -> None:
        agent_host.agent_start()
        wait_until(lambda: "sleep 4713" in agent_host.exec("ps", "ax").stdout, "its helper")
        agent_host.agent_kill()
        agent_host.agent_kill()
        assert not agent_host.agent_running()
        assert "sleep 4713" in agent_host.exec("ps", "ax").stdout

    def test_starts_at_a_reboot_with_its_own_settings(self, agent_host: NamespacedHost) -> None:
        agent_host.agent_start({"LIMIT": "5"})
        agent_host.reboot()
        assert agent_host.agent_running()
        wait_for_log(agent_host, "limit= first")

    def test_can_be_started_to_fail(self, agent_host: NamespacedHost) -> None:
        agent_host.agent_start({agents.FAULT_VARIABLE: "rename", "LIMIT": "6"})
        wait_for_log(agent_host, "fault 6 in /nowhere")


@pytest.mark.lab
def test_the_hosts_python_loads_the_product_and_what_it_needs(host: NamespacedHost) -> None:
    launch = agents.prepare()
    done = host.exec(
        *("env", f"PYTHONPATH={launch.python_path}", "python3", "-c"),
        "import kopf, kubernetes, podman, pydantic, requests, backports.zstd\n"
        "import podman_checkpoint_operator as product\n"
        "print(product.__file__)",
    )
    assert done.stdout.startswith(f"{agents.FOLDER_IN_HOST}/product-")


class TestForHosts:
    def test_keeps_what_has_no_marker(self) -> None:
        lock = "one==1 \\\n    --hash=sha256:aa\ntwo==2 \\\n    --hash=sha256:bb"
        assert for_hosts(lock, "3.13") == lock

    def test_resolves_markers_for_the_hosts_python(self) -> None:
        lock = (
            "old==1 ; python_full_version < '3.12' \\\n    --hash=sha256:aa\n"
            "new==2 ; python_full_version < '3.14' \\\n    --hash=sha256:bb\n"
        )
        assert for_hosts(lock, "3.13") == "new==2 \\\n    --hash=sha256:bb\n"
