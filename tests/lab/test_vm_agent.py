"""The agent as a systemd unit in ``host-v``.

Checked on a virtual machine, with a small program in the agent's place: that the unit that the
project ships is sound; what it is started with, what replaces it, what kills it, and that it starts
at a reboot. Not checked: what the agent does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import agents
from tests.lab.agent_process import COMMAND, KUBECONFIG
from tests.lab.vm_agent import UNIT, UNIT_SOURCE
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.stand_in import Checkout
    from tests.lab.vm import VirtualHost

pytestmark = [pytest.mark.lab, pytest.mark.vm, pytest.mark.timeout(1800)]

PATIENCE = 120
"""Seconds. All is emulated, and other tests may run."""


@pytest.fixture
def agent_vm(checkout: Checkout, vm: VirtualHost) -> Iterator[VirtualHost]:
    vm.install_agent("credential\n")
    vm.exec("sh", "-c", "journalctl --rotate && journalctl --vacuum-time=1s")
    yield vm
    vm.exec("systemctl", "disable", "--now", UNIT)
    vm.exec("rm", KUBECONFIG, COMMAND)


def wait_for_log(vm: VirtualHost, text: str) -> None:
    wait_until(lambda: text in vm.agent_log(), f"{text!r} in the log", timeout=PATIENCE)


class TestAgent:
    def test_is_a_unit_that_systemd_finds_nothing_wrong_with(self, agent_vm: VirtualHost) -> None:
        verified = agent_vm.exec("systemd-analyze", "verify", UNIT)
        assert UNIT not in verified.stdout + verified.stderr
        shipped = agent_vm.exec("cat", f"/etc/systemd/system/{UNIT}").stdout
        assert shipped == UNIT_SOURCE.read_text()

    def test_runs_with_its_settings_until_it_is_killed(self, agent_vm: VirtualHost) -> None:
        assert not agent_vm.agent_running()
        agent_vm.agent_start({"LIMIT": '3 "$x"'})
        assert agent_vm.agent_running()
        wait_for_log(agent_vm, 'agent run node=host-w limit=3 "$x" first\ncredential')
        agent_vm.agent_start({"LIMIT": '3 "$x"'})
        assert agent_vm.agent_log().count("first") == 1

        agent_vm.agent_kill()
        agent_vm.agent_kill()
        assert not agent_vm.agent_running()
        show = ("systemctl", "show", "--value", "--property=Result", UNIT)
        assert agent_vm.exec(*show).stdout == "signal\n"

    def test_is_replaced_when_anything_differs(
        self, agent_vm: VirtualHost, checkout: Checkout
    ) -> None:
        agent_vm.agent_start()
        agent_vm.agent_start({"LIMIT": "4"})
        wait_for_log(agent_vm, "limit=4 first")
        checkout.name = "second"
        agent_vm.agent_start({"LIMIT": "4"})
        wait_for_log(agent_vm, "limit=4 second\ncredential")
        agent_vm.install_agent("renewed\n")
        agent_vm.agent_start({"LIMIT": "4"})
        wait_for_log(agent_vm, "limit=4 second\nrenewed")

    def test_can_be_started_to_fail(self, agent_vm: VirtualHost) -> None:
        agent_vm.agent_start({agents.FAULT_VARIABLE: "rename", "LIMIT": "6"})
        wait_for_log(agent_vm, "fault 6 in /nowhere")

    def test_starts_at_a_reboot_and_remembers_what_was_logged(self, agent_vm: VirtualHost) -> None:
        agent_vm.agent_start({"LIMIT": "5"})
        wait_for_log(agent_vm, "limit=5 first")
        agent_vm.exec("journalctl", "--sync")
        agent_vm.reboot()
        wait_for_log(agent_vm, "limit= first")
        assert "limit=5 first" in agent_vm.agent_log()
        assert agent_vm.agent_running()
