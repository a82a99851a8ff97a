"""The commands of docs/runbooks.md do what they are there for, on a host and from outside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.kubectl import argv, environment
from tests.lab.paths import CHECKOUT
from tests.lab.shell import run
from tests.monitoring import RUNBOOKS

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

COMMANDS: Final = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", RUNBOOKS.read_text(), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
OF_SYSTEMD: Final = ("systemctl ", "journalctl ")
"""The namespaced hosts have none."""


def answer(bench: Bench, container: Container, command: str) -> str:
    """Run a command where the runbooks say, and return what it printed."""
    known = {
        "host": container.host.name,
        "namespace": bench.prefix,
        "name": "nobody",
        "container": container.name,
    }
    if not command.startswith("kubectl "):
        words = ("env", *(f"{name}={value}" for name, value in known.items()))
        return container.host.exec(*words, "sh", "-ec", command).stdout
    (program,) = argv()
    script = f'kubectl() {{ "{program}" "$@"; }}; {command}'
    return run("sh", "-ec", script, env={**environment(), **known}).stdout


def test_every_command_of_the_runbooks_works(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    bench.checkpoint(container, leaveRunning=True, archive={}).wait_ready()
    bench.checkpoint(container, "nobody", containerRef={"name": "none"}).wait_ended()
    bench.restore(host_a, {"containerRef": {"name": "none"}}, "nobody").wait_ended()
    # As a failed dump leaves its log.
    log = f"{container.inspect('{{.StaticDir}}')}/dump.log"
    host_a.exec("sh", "-c", 'cat >"$0"', log, stdin="(00.1) Error (criu/x.c:1): nobody knows\n")

    commands = [each for each in COMMANDS if not each.startswith(OF_SYSTEMD)]
    told = "\n".join(answer(bench, container, each) for each in commands)

    assert len(commands) > 15
    for expected in (
        "ContainerNotFound",
        "Set spec.containerRef",
        container.name,
        "127.0.0.1:8089",
        "/var/lib/podman-checkpoint/archives",
        '"cause": "Unknown"',
    ):
        assert expected in told


def test_units_are_named_as_they_are_installed() -> None:
    units = {path.name for path in (CHECKOUT / "manifests" / "systemd").glob("*.service")}
    units |= {"podman.socket", "podman.service"}
    named = {
        unit if "." in unit else f"{unit}.service"
        for command in COMMANDS
        if command.startswith(OF_SYSTEMD)
        for unit in re.findall(r"podman[\w.-]+", command)
    }
    assert "podman-checkpoint-agent.service" in named
    assert named <= units
