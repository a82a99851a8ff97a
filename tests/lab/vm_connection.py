"""Programs run in a virtual machine through SSH, on a port that QEMU forwards to the guest.

A handshake takes long on an emulated processor, so one connection is kept up by a program in the
background and shared by all that follow: a command then costs a tenth of a second.
"""

from __future__ import annotations

import shlex
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .shell import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Connection:
    """The connection to one virtual machine, whether it is up or not."""

    name: str
    """Of the machine."""
    folder: Path
    """Holds the key, and the number of the forwarded port."""
    control_socket: Path
    """How other programs find the shared connection. A short path: 80 bytes at most."""

    @property
    def key(self) -> Path:
        """The private key that opens the machine; the public one lies beside it."""
        return self.folder / "key"

    def prepare(self) -> None:
        """Make the key."""
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", self.key)

    def reset(self) -> int:
        """Choose the port for the next boot."""
        self.control_socket.unlink(missing_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        (self.folder / "port").write_text(str(port))
        return port

    def is_up(self) -> bool:
        """Whether the shared connection is there."""
        if not self.control_socket.exists():
            return False
        return run(*self._ssh("-O", "check"), check=False).returncode == 0

    def answers(self, *, patience: float) -> bool:
        """Whether an SSH server greets us.

        Args:
            patience: how long to wait, in seconds. QEMU itself takes every connection at once, and
                what comes before the guest has a network is lost without an error.
        """
        try:
            with socket.create_connection(("127.0.0.1", self._port()), patience) as guest:
                return guest.recv(4) == b"SSH-"
        except OSError:
            return False

    def keeper_argv(self) -> list[str]:
        """The program that brings the shared connection up and keeps it, until it is killed."""
        self.control_socket.unlink(missing_ok=True)
        return self._ssh("-N", "-o", "ControlMaster=yes")

    def argv(self, *argv: str, tty: bool) -> list[str]:
        """The command line that runs a program in the machine, with a terminal or not."""
        return [*self._ssh("-tt" if tty else "-T"), f"exec {shlex.join(argv)}"]

    def _ssh(self, *options: str) -> list[str]:
        settings: dict[str, object] = {
            "ControlPath": self.control_socket,
            "IdentityFile": self.key,
            "IdentitiesOnly": "yes",
            # The guest's own key is that of the image, which every lab has: it proves nothing.
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            # Whoever waits for a guest that restarted or hangs is told in the end.
            "ServerAliveInterval": 15,
            "ServerAliveCountMax": 20,
            "SetEnv": "LANG=C.UTF-8",
        }
        words = (word for key, value in settings.items() for word in ("-o", f"{key}={value}"))
        return ["ssh", "-F", "none", "-p", str(self._port()), *words, *options, "root@127.0.0.1"]

    def _port(self) -> int:
        return int((self.folder / "port").read_text())
