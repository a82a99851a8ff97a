"""``host-v``: a Podman host that is a real machine, as most users' hosts are.

It has a kernel of its own (the choice of two), systemd, cgroup v2 and crun: for what the namespaced
hosts cannot show, first of all the reboot into another kernel. Otherwise it offers what they offer.
"""

from __future__ import annotations

import re
import shutil
from typing import IO, TYPE_CHECKING

from . import images, paths
from .hosts import HostError
from .locks import locked
from .shell import run
from .vm_agent import AgentUnit
from .vm_image import KERNELS, vm_image
from .vm_machine import VirtualMachine

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


class VirtualHost:
    """One host, ``host-v`` to ``host-z``. Making the object changes nothing."""

    def __init__(self, name: str = "host-v") -> None:
        if not re.fullmatch("host-[v-z]", name):
            raise HostError(f"{name!r} is no name of a virtual machine: use host-v")
        self.name = name
        self._machine = VirtualMachine(name, paths.HOSTS / name)
        self._agent = AgentUnit(self)

    def __repr__(self) -> str:
        return f"VirtualHost({self.name!r})"

    @property
    def disk(self) -> Path:
        """The folder with the disk and everything else that outlives a power cut."""
        return self._machine.folder

    # Power

    def is_up(self) -> bool:
        return self._machine.is_ready()

    def up(self) -> None:
        """Boot the host unless it is up, with the kernel that it had last; ``old`` at first."""
        with self._lock():
            if self._machine.is_on():
                self._machine.wait_ready()
            else:
                self._boot(None)

    def down(self) -> None:
        """Switch the host off and leave nothing behind but its disk."""
        with self._lock():
            self._machine.power_off()

    def destroy(self) -> None:
        """Switch the host off and remove its disk."""
        with self._lock():
            self._machine.power_off()
            shutil.rmtree(self.disk, ignore_errors=True)

    def reboot(self, kernel: str | None = None) -> None:
        """Cut the power and boot.

        What was synced to the disk is kept, and nothing else. The agent starts by itself.

        Args:
            kernel: ``old`` or ``new``; the one that it has if nothing is said.
        """
        if kernel is not None and kernel not in KERNELS:
            raise HostError(f"{self.name} has no kernel {kernel!r}, only {' and '.join(KERNELS)}")
        with self._lock():
            self._machine.power_off()
            self._boot(kernel)

    @property
    def kernel(self) -> str:
        """``old`` or ``new``: the kernel that the host booted last, or boots first."""
        try:
            return self._kernel_choice.read_text()
        except FileNotFoundError:
            return "old"

    @property
    def _kernel_choice(self) -> Path:
        return self.disk / "kernel"

    def _boot(self, kernel: str | None) -> None:
        image = vm_image()
        self._machine.prepare_disk(image)
        kernel = kernel or self.kernel
        self._kernel_choice.write_text(kernel)
        self._machine.power_on(image, kernel)

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
        # The end of the connection does not end what runs in the host.
        limit = () if timeout is None else ("timeout", "--signal=KILL", f"{timeout + 1:f}")
        command = self.exec_argv(*limit, *argv)
        return run(*command, check=check, stdin=stdin, timeout=timeout)

    def exec_argv(self, *argv: str, tty: bool = False) -> list[str]:
        """The command line that runs a program in the host when started on the machine.

        Args:
            argv: the program and its arguments.
            tty: whether the program talks to a person's terminal.
        """
        if not self._machine.is_on():
            raise HostError(f"{self.name} is down: start it with ./lab up {self.name}")
        return self._machine.connection.argv(*argv, tty=tty)

    def load_image(self, name: str) -> None:
        """Make one of the lab's images available as ``localhost/lab/NAME:1``."""
        image = images.image(name)
        shown = self.exec("podman", "image", "inspect", "-f", "{{.Id}}", image.tag, check=False)
        if shown.stdout.strip() != image.identifier():
            with image.archive.open("rb") as archive:
                self.exec("podman", "load", "--quiet", stdin=archive)
            # Podman does not, and half an image after a power cut is worse than none.
            self.exec("sync")

    # The agent

    def install_agent(self, kubeconfig: str) -> None:
        """Give the host an agent with this credential. It starts by itself at every later boot."""
        self._agent.install(kubeconfig)

    def agent_start(self, env: Mapping[str, str] | None = None) -> None:
        """Start the checkout's present code, in place of an agent that runs anything else.

        Args:
            env: further environment variables, for this start only.
        """
        self._agent.start(env or {})

    def agent_kill(self) -> None:
        """Kill the agent's main process with SIGKILL; nothing starts it again before a reboot."""
        self._agent.kill()

    def agent_running(self) -> bool:
        return self.is_up() and self._agent.is_running()

    def agent_log(self) -> str:
        """What all agents of this host said since its disk was made; nothing while it is down.

        A power cut takes the last second.
        """
        return self._agent.log() if self.is_up() else ""

    def _lock(self) -> AbstractContextManager[None]:
        return locked(paths.STATE / "locks" / self.name)
