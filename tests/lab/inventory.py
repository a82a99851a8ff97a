"""The lab's hosts, by name, and what can be done with any of them.

Two are namespaces of this machine, and so is a third with newer software; one is a virtual machine.
Commands and tests see only the :class:`Host` protocol, so that everything can be tried on any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from .hosts import NamespacedHost
from .releases import NEXT_HOST
from .vm import VirtualHost

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

NAMESPACED: Final = ("host-a", "host-b")
_STORES: Final = """\
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""
OTHER_STORAGE: Final = {
    "host-c": f'[storage]\ndriver = "vfs"\n{_STORES}',
    # As Fedora has it. The kernel then redirects renamed directories, too.
    "host-d": f'[storage]\ndriver = "overlay"\n{_STORES}'
    '[storage.options.overlay]\nmountopt = "metacopy=on"\n',
}
"""Hosts with a ``storage.conf`` of their own, which only the tests of it bring up."""
VIRTUAL: Final = ("host-v",)
NAMES: Final = (*NAMESPACED, *OTHER_STORAGE, NEXT_HOST, *VIRTUAL)


class Host(Protocol):
    """A Podman host of the lab."""

    name: str

    def up(self) -> None:
        """Boot the host, making its disk the first time; nothing when it is up."""

    def down(self) -> None:
        """Cut the host's power. Its disk stays; nothing when it is down."""

    def destroy(self) -> None:
        """Cut the power and delete the disk, leaving nothing of the host on the machine."""

    def reboot(self, kernel: str | None) -> None:
        """Cut the power and boot, into the kernel ``old`` or ``new`` where the host has two."""

    def is_up(self) -> bool:
        """Whether the host can run commands."""

    def exec(
        self,
        *argv: str,
        check: bool = True,
        stdin: str | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host to its end.

        Raises:
            CommandFailed: if ``check`` and the exit status is not zero.
        """

    def exec_argv(self, *argv: str, tty: bool) -> list[str]:
        """The command of this machine that runs ``argv`` in the host, with a terminal or not."""

    def install_agent(self, kubeconfig: str) -> None:
        """Put the agent, as it is in this checkout, and its credentials into the host."""

    def agent_start(self, env: Mapping[str, str] | None = None) -> None:
        """Start the agent, with these settings on top of its own; nothing when it runs."""

    def agent_kill(self) -> None:
        """Kill the agent with SIGKILL; nothing restarts it."""

    def agent_running(self) -> bool:
        """Whether the agent's process is there."""

    def agent_log(self) -> str:
        """What the agent has logged since the host was made."""

    def load_image(self, name: str) -> None:
        """Load the lab's image ``name`` as ``localhost/lab/NAME:1``."""


def host(name: str) -> Host:
    """The host of this name, up or not: one of :data:`NAMES`, or a test's own.

    Raises:
        HostError: if no host may have this name.
    """
    if name >= VIRTUAL[0]:
        return VirtualHost(name)
    storage = OTHER_STORAGE.get(name)
    return NamespacedHost(name, {"etc/containers/storage.conf": storage} if storage else None)
