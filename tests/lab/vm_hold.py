"""The hold of shutdowns in a virtual machine, installed by the lines of docs/install.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from . import agents, paths
from .agent_process import COMMAND
from .shell import run

if TYPE_CHECKING:
    from .vm import VirtualHost

UNIT: Final = "podman-checkpoint-hold.service"
PROGRAM: Final = "/opt/podman-checkpoint-agent/bin/podman-checkpoint-hold"
LINK: Final = COMMAND.replace("agent", "hold")
FOLDER: Final = "/var/tmp/checkout"


def install(host: VirtualHost) -> None:
    """Install and start it, and systemd-logind, which the lab's machine does without."""
    host.exec("systemctl", "unmask", "systemd-logind")
    host.exec("systemctl", "start", "systemd-logind")
    archive = run("tar", "-c", "-C", paths.CHECKOUT, "manifests/systemd").stdout
    host.exec("sh", "-c", f"mkdir -p {FOLDER} && tar -x -C {FOLDER}", stdin=archive)
    script = agents.prepare().script.replace("cli.main", "cli.hold")
    host.exec("sh", "-c", f"cat >{LINK} && chmod 755 {LINK}", stdin=script)
    host.exec("sh", "-ec", f"cd {FOLDER}\n{_lines()}")


def remove(host: VirtualHost) -> None:
    """Leave the machine as it was."""
    host.exec("systemctl", "disable", "--now", UNIT)
    host.exec("rm", "-r", FOLDER, LINK, "/etc/systemd/logind.conf.d")
    host.exec("systemctl", "mask", "--now", "systemd-logind")


def log(host: VirtualHost) -> str:
    """What it said, at all boots."""
    return host.exec("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}").stdout


def _lines() -> str:
    page = (paths.CHECKOUT / "docs" / "install.md").read_text(encoding="utf-8")
    section = page.partition("\n## Shutdowns\n")[2]
    found = re.search(r"^```sh\n(ln -s \S+ \S+\n)(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found
    assert PROGRAM in found[1]  # what it leads to is the wheel's: the lab has no venv
    return found[2]
