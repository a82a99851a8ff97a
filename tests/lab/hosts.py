"""Namespaced Podman hosts: machines in all that Podman and CRIU see, without the cost of one.

A host is an overlay over the shared :mod:`.base`, in mount, PID, UTS, IPC, network and cgroup
namespaces of its own. ``init.sh`` sets it up from inside and stays as its PID 1. Everything a host
has, mounts and network included, lives in these namespaces and ends with that process; only its
control group and its disk (a folder) are left. So killing what is in the group is a power cut, and
no state on the machine can get out of step: a host is found by its control group.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from . import agent_process, agents, images, network, paths
from .agent_process import AgentProcess
from .base import base, write
from .cgroups import Cgroup, host_cgroup
from .locks import locked
from .releases import release_of
from .shell import run
from .waiting import WaitError, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

INIT: Final = Path(__file__).with_name("init.sh")
SOCKET: Final = "run/podman/podman.sock"
BOOTED: Final = "run/lab-host-is-up"
"""Made by ``init.sh`` when all but the Podman service is there."""

ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

# Enters the host's control group first: what runs in a host has to end with it, and Podman wants
# to see its own group below the root of the groups.
ENTER: Final = 'echo 0 >"$0/cgroup.procs" && exec "$@"'


class HostError(RuntimeError):
    """A host cannot do what was asked of it."""


class NamespacedHost:
    """One host, ``host-a`` to ``host-u``. Making the object changes nothing.

    Args:
        name: of the host.
        files: what it has in place of the base's files, by paths without the first slash.
    """

    def __init__(self, name: str, files: Mapping[str, str] | None = None) -> None:
        if not re.fullmatch("host-[a-u]", name):
            raise HostError(f"{name!r} is no name of a namespaced host: use host-a, host-b, ...")
        self.name = name
        self._files = files or {}
        self.number = ord(name[-1]) - ord("a") + 1
        self.address = f"{paths.SUBNET}.{self.number}"
        self.disk = paths.HOSTS / name
        self._cable = f"{paths.BRIDGE}-{name[-1]}"
        self._agent = AgentProcess(self)

    def __repr__(self) -> str:
        return f"NamespacedHost({self.name!r})"

    @property
    def rootfs(self) -> Path:
        """The root of the running host as seen from the machine, ``/run`` and all mounts included.

        Beware: an absolute symbolic link below it leads to the machine's own files.
        """
        return Path(f"/proc/{self._running()}/root")

    # Power

    def is_up(self) -> bool:
        """Whether the host can run programs; its Podman service may still be starting."""
        pid = self._pid()
        return pid is not None and Path(f"/proc/{pid}/root", BOOTED).exists()

    def up(self) -> None:
        """Boot the host unless it is up. Its agent is for the caller to start."""
        with self._lock():
            if not self.is_up() or self._made_for() != base(release_of(self.name)).name:
                # Of a boot that was broken off, something may be left.
                self._power_off()
                self._boot()

    def down(self) -> None:
        """Switch the host off and leave nothing behind but its disk."""
        with self._lock():
            self._power_off()

    def destroy(self) -> None:
        """Switch the host off and remove its disk."""
        with self._lock():
            self._power_off()
            shutil.rmtree(self.disk, ignore_errors=True)

    def reboot(self, kernel: str | None = None) -> None:
        """Cut the power and boot: processes die; ``/run``, ``/tmp`` and ``/dev/shm`` are new.

        Raises:
            HostError: if a kernel is asked for: a namespaced host runs the machine's.
        """
        if kernel is not None:
            raise HostError(
                f"{self.name} shares the kernel of this machine and cannot boot another one: leave"
                " --kernel out, or use host-v, which is a virtual machine"
            )
        with self._lock():
            self._power_off()
            self._boot()
            if self._agent.is_installed():
                self._agent.start_installed()

    def _boot(self) -> None:
        root = base(release_of(self.name))
        self._prepare_disk(root)
        network.ensure_bridge()
        cgroup = self._cgroup()
        Cgroup(cgroup.path / "init").create()
        boot = {
            "NAME": self.name,
            "ADDRESS": self.address,
            "GATEWAY": paths.GATEWAY,
            "CGROUP": cgroup.path,
            "BASE": root,
            "DISK": self.disk,
            "ARCHIVES": paths.ARCHIVES,
            "ARCHIVES_IN_HOST": paths.ARCHIVES_IN_HOST,
            "AGENT": agents.FOLDER,
            "AGENT_IN_HOST": agents.FOLDER_IN_HOST,
        }
        environment = {**os.environ, **{key: str(value) for key, value in boot.items()}}
        run("setsid", "--fork", "sh", INIT, "launch", env=environment)
        try:
            wait_until(self._pid, f"the first process of {self.name}")
            self._plug_in()
            wait_until(self._is_serving, f"the Podman service of {self.name}")
        except WaitError as error:
            console = (self.disk / "console.log").read_text(errors="replace")
            self._power_off()
            raise HostError(f"{self.name} does not boot: {error}\n{console}") from error

    def _prepare_disk(self, root: Path) -> None:
        if self.disk.exists() and self._made_for() != root.name:
            print(f"lab: {self.name} has a new base and starts empty", file=sys.stderr)
            shutil.rmtree(self.disk)
        for folder in ("upper", "work", "root", "containers"):
            (self.disk / folder).mkdir(parents=True, exist_ok=True)
        (self.disk / "base").write_text(root.name)
        for file, text in self._files.items():
            write(self.disk / "upper" / file, text)
        for shared in (paths.ARCHIVES, agents.FOLDER):
            shared.mkdir(parents=True, exist_ok=True)

    def _made_for(self) -> str:
        """The name of the base that the disk lies over; a disk without one is useless."""
        made_for = self.disk / "base"
        return made_for.read_text() if made_for.exists() else ""

    def _plug_in(self) -> None:
        pid = str(self._running())
        # The same address at every boot, so that no neighbour remembers a wrong one.
        mac = f"02:63:{int(paths.SUBNET.split('.')[2]):02x}:00:00:{self.number:02x}"
        run(
            *("ip", "link", "add", self._cable, "type", "veth"),
            *("peer", "name", "eth0", "address", mac, "netns", pid),
        )
        run("ip", "link", "set", self._cable, "master", paths.BRIDGE, "up")

    def _power_off(self) -> None:
        self._cgroup().remove()
        # The kernel may have removed it already, with the host's network namespace.
        run("ip", "link", "delete", self._cable, check=False)

    # Running things

    def exec(
        self,
        *argv: str,
        check: bool = True,
        stdin: str | bytes | IO[bytes] | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the host, as root, and return what it printed.

        Raises:
            CommandFailed: if ``check`` and the exit status is not zero.
            HostError: if the host is down.
        """
        return run(*self.exec_argv(*argv), check=check, stdin=stdin, timeout=timeout)

    def exec_argv(self, *argv: str, tty: bool = False) -> list[str]:
        """The command line that runs a program in the host when started on the machine.

        Args:
            argv: the program and its arguments.
            tty: whether the program talks to a person's terminal.
        """
        variables = dict(ENVIRONMENT)
        if tty:
            variables["TERM"] = os.environ.get("TERM", "linux")
        return [
            *("sh", "-c", ENTER, str(self._cgroup().path / "init")),
            *("nsenter", "--target", str(self._running())),
            *("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--"),
            *("/usr/bin/env", "-i", *(f"{key}={value}" for key, value in variables.items())),
            # Ends the program when its caller is killed, at a time limit for example.
            *("setpriv", "--pdeathsig", "KILL", "--", *argv),
        ]

    def load_image(self, name: str) -> None:
        """Make one of the lab's images available as ``localhost/lab/NAME:1``."""
        image = images.image(name)
        shown = self.exec("podman", "image", "inspect", "-f", "{{.Id}}", image.tag, check=False)
        if shown.stdout.strip() != image.identifier():
            with image.archive.open("rb") as archive:
                self.exec("podman", "load", "--quiet", stdin=archive)

    # The agent

    def install_agent(self, kubeconfig: str) -> None:
        """Give the host the agent and its credential. From then on, it starts at every reboot."""
        self._agent.install(kubeconfig)

    def agent_start(
        self, env: Mapping[str, str] | None = None, *, without: Sequence[str] = ()
    ) -> None:
        """Start the agent with the checkout's present code; nothing when just that runs already.

        Args:
            env: further environment variables, for this start only.
            without: capabilities that it does not get, for this start only.
        """
        self._agent.start(env or {}, without=without)

    def agent_kill(self) -> None:
        """Kill the agent's main process with SIGKILL, and nothing that it started."""
        self._agent.kill()

    def agent_running(self) -> bool:
        return self.is_up() and self._agent.is_running()

    def agent_log(self) -> str:
        """What all agents of this host said since its disk was made."""
        log = self.disk / "upper" / agent_process.LOG[1:]
        return log.read_text(errors="replace") if log.exists() else ""

    # How a host is found

    def _cgroup(self) -> Cgroup:
        return host_cgroup(self.name)

    def _pid(self) -> int | None:
        """The machine's number of the process that is PID 1 in the host."""
        for pid in Cgroup(self._cgroup().path / "init").pids():
            numbers = _numbers(pid)
            if len(numbers) == len(_numbers(os.getpid())) + 1 and numbers[-1] == 1:
                return pid
        return None

    def _running(self) -> int:
        pid = self._pid()
        if pid is None:
            raise HostError(f"{self.name} is down: start it with ./lab up {self.name}")
        return pid

    def _is_serving(self) -> bool:
        return self.is_up() and (self.rootfs / SOCKET).is_socket()

    def _lock(self) -> AbstractContextManager[None]:
        return locked(paths.STATE / "locks" / self.name)


def _numbers(pid: int) -> list[int]:
    """The process IDs of a process, in this PID namespace and in those below it down to its own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    line = re.search(r"^NSpid:(.*)$", status, re.MULTILINE)
    return [int(number) for number in line[1].split()] if line else []
