"""The agent as a process of a namespaced host: what a systemd unit would be on a real one.

It runs inside the host's namespaces, in a control group of its own. When it ends, nothing starts it
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from . import agents
from .cache import digest
from .releases import release_of
from .waiting import WaitError, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

LOG: Final = "/var/log/podman-checkpoint-agent.log"
KUBECONFIG: Final = "/etc/podman-checkpoint/kubeconfig"
COMMAND: Final = "/usr/local/bin/podman-checkpoint-agent"
PID_FILE: Final = "/run/podman-checkpoint-agent.pid"
LAUNCH_FILE: Final = "/run/podman-checkpoint-agent.launch"
"""Digest of everything that the running agent was started with."""
CGROUP: Final = "/sys/fs/cgroup/agent"

RUN: Final = f"""\
mkdir -p {CGROUP}
echo 0 >{CGROUP}/cgroup.procs
echo "$0" >{LAUNCH_FILE}
echo $$ >{PID_FILE}
exec "$@" >>{LOG} 2>&1 </dev/null
"""
"""Its caller waits for the end of its output, so the files are written before that moves."""

IS_RUNNING: Final = f'grep -qx "$(cat {PID_FILE})" {CGROUP}/cgroup.procs'
"""The helpers that an agent starts are in its group, too, and may outlive it."""


def without_capabilities(*names: str) -> tuple[str, ...]:
    """Return what goes before a command that is to run without these capabilities."""
    return ("setpriv", f"--bounding-set={','.join(f'-{each.lower()}' for each in names)}", "--")


class RunsPrograms(Protocol):
    """The part of a host that is needed here."""

    name: str

    def exec(
        self, *argv: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the host."""


class AgentProcess:
    """The agent of one host, which is up."""

    def __init__(self, host: RunsPrograms) -> None:
        self._host = host

    def install(self, kubeconfig: str) -> None:
        """Put the command and the credential into the host."""
        self._write(COMMAND, agents.prepare(release_of(self._host.name)).script, mode="755")
        self._write(KUBECONFIG, kubeconfig, mode="600")

    def is_installed(self) -> bool:
        return self._succeeds("test", "-e", KUBECONFIG)

    def is_running(self) -> bool:
        return self._succeeds("sh", "-c", IS_RUNNING)

    def start(self, env: Mapping[str, str], *, without: Sequence[str] = ()) -> None:
        """Start the checkout's present code, in place of an agent that runs anything else."""
        launch = agents.prepare(release_of(self._host.name))
        self._write(COMMAND, launch.script, mode="755")
        if agents.FAULT_VARIABLE in env:
            words = self._words({**env, "PYTHONPATH": launch.python_path}, *launch.fault_command)
        else:
            words = self._words(env, COMMAND)
        if without:
            words = [*without_capabilities(*without), *words]
        started_with = self._launch_digest(words, launch)
        if self.is_running():
            if self._host.exec("cat", LAUNCH_FILE).stdout.strip() == started_with:
                return
            self._stop()
        self._host.exec("setsid", "--fork", "sh", "-c", RUN, started_with, *words)

    def start_installed(self) -> None:
        """Start the agent as it was last put into the host, as a boot does."""
        self._host.exec("setsid", "--fork", "sh", "-c", RUN, "boot", *self._words({}, COMMAND))

    def kill(self) -> None:
        """Kill the agent's main process, and nothing that it started."""
        if self.is_running():
            self._signal("KILL")
            wait_until(lambda: not self.is_running(), "the killed agent to end")

    def _stop(self) -> None:
        self._signal("TERM")
        try:
            wait_until(lambda: not self.is_running(), "the agent to end", timeout=10)
        except WaitError:
            self.kill()

    def _signal(self, name: str) -> None:
        # It may end by itself at any moment, so a failure means nothing.
        self._host.exec("sh", "-c", f'kill -{name} "$(cat {PID_FILE})"', check=False)

    def _words(self, env: Mapping[str, str], *command: str) -> list[str]:
        variables = {
            "PODMAN_CHECKPOINT_NODE_NAME": self._host.name,
            "KUBECONFIG": KUBECONFIG,
            **env,
        }
        return ["env", *(f"{key}={value}" for key, value in variables.items()), *command, "run"]

    def _launch_digest(self, words: list[str], launch: agents.Launch) -> str:
        kubeconfig = self._host.exec("cat", KUBECONFIG, check=False).stdout
        return digest(words, launch.script, kubeconfig)

    def _write(self, path: str, text: str, *, mode: str) -> None:
        script = (
            'mkdir -p "${0%/*}" && umask 077 && cat >"$0.new"'
            f' && chmod {mode} "$0.new" && mv "$0.new" "$0"'
        )
        self._host.exec("sh", "-c", script, path, stdin=text)

    def _succeeds(self, *argv: str) -> bool:
        return self._host.exec(*argv, check=False).returncode == 0
