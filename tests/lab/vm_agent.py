"""The agent as a systemd unit, in a virtual machine: with the unit file that the project ships.

The lab adds what tests need: an agent that was killed stays dead, it can be started with further
variables, and nobody waits long for one that does not end.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from . import agents, paths
from .agent_process import COMMAND, KUBECONFIG, RunsPrograms
from .cache import digest
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIT: Final = "podman-checkpoint-agent.service"
UNIT_SOURCE: Final = paths.CHECKOUT / "manifests" / "systemd" / UNIT
UNIT_FILE: Final = f"/etc/systemd/system/{UNIT}"
SETTINGS: Final = "/etc/podman-checkpoint/agent.env"
ENV_FILE: Final = "/run/podman-checkpoint-agent.env"
"""Variables of one start; a reboot forgets them."""

LAB_SETTINGS: Final = f"""\
[Unit]
StartLimitIntervalSec=0
[Service]
Restart=no
TimeoutStopSec=10
EnvironmentFile=-{ENV_FILE}
"""


class AgentUnit:
    """The agent of one virtual machine, which is up."""

    def __init__(self, host: RunsPrograms) -> None:
        self._host = host

    def install(self, kubeconfig: str) -> None:
        """Put unit, command and credential into the host; the unit starts at every boot."""
        self._write(COMMAND, _command(agents.prepare()), mode="755")
        self._write(KUBECONFIG, kubeconfig, mode="600")
        self._write(SETTINGS, f"PODMAN_CHECKPOINT_NODE_NAME={self._host.name}\n")
        self._write(UNIT_FILE, UNIT_SOURCE.read_text())
        self._write(f"{UNIT_FILE}.d/lab.conf", LAB_SETTINGS)
        self._systemctl("daemon-reload")
        self._systemctl("enable", UNIT)

    def is_running(self) -> bool:
        """Whether the agent's main process is there."""
        return self._host.exec("systemctl", "is-active", UNIT, check=False).returncode == 0

    def start(self, env: Mapping[str, str]) -> None:
        """Start the checkout's present code, in place of an agent that runs anything else."""
        command = _command(agents.prepare())
        kubeconfig = self._host.exec("cat", KUBECONFIG).stdout
        lines = (f"{key}={_quoted(value)}\n" for key, value in env.items())
        variables = f"# {digest(command, kubeconfig)}\n{''.join(lines)}"
        if self.is_running():
            if self._host.exec("cat", ENV_FILE, check=False).stdout == variables:
                return
            self._systemctl("stop", UNIT)
        self._write(COMMAND, command, mode="755")
        self._write(ENV_FILE, variables)
        self._systemctl("start", UNIT)

    def kill(self) -> None:
        """Kill the agent's main process; systemd ends what is left in its control group."""
        if self.is_running():
            # It may end by itself at any moment, so a failure means nothing.
            kill = ("systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT)
            self._host.exec(*kill, check=False)
            wait_until(lambda: not self.is_running(), "the killed agent to end")

    def log(self) -> str:
        """What all agents of this host said."""
        return self._host.exec("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}").stdout

    def _systemctl(self, *arguments: str) -> None:
        self._host.exec("systemctl", "--quiet", *arguments)

    def _write(self, path: str, text: str, *, mode: str = "644") -> None:
        script = (
            'mkdir -p "${0%/*}" && umask 077 && cat >"$0.new"'
            f' && chmod {mode} "$0.new" && mv "$0.new" "$0"'
        )
        self._host.exec("sh", "-c", script, path, stdin=text)


def _command(launch: agents.Launch) -> str:
    """The agent's command, which leaves the start to a test's fault where one is set."""
    shebang, newline, rest = launch.script.partition("\n")
    fault = f"PYTHONPATH={launch.python_path} exec {shlex.join(launch.fault_command)}"
    return f'{shebang}{newline}[ -z "${agents.FAULT_VARIABLE}" ] || {fault} "$@"\n{rest}'


def _quoted(value: str) -> str:
    """A value as systemd reads it from a file of variables."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'
