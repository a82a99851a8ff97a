"""``podman-checkpoint-agent diagnose`` on a host; what a container keeps secret, nothing tells."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.lab import inventory

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

DIAGNOSE = ("podman-checkpoint-agent", "diagnose")
PASSWORD = "correct-horse-battery"
LINKED = "echo $0 >/a; ln /a /b; exec 3</a; rm /a; export MORE=$0; while :; do sleep 1; done"
"""Holds a file open under a name that is gone, which CRIU alone notices."""


def bundle(container: Container) -> PurePosixPath:
    return PurePosixPath(container.inspect("{{.StaticDir}}"))


def test_a_real_failure(bench: Bench, host_a: Host) -> None:
    """The log says as much as status does, and neither tells what the container keeps to itself."""
    secrets = ("--env", f"DB_PASSWORD={PASSWORD}", "--label", f"token={PASSWORD}")
    container = bench.run(host_a, "sh", "-c", LINKED, PASSWORD, options=secrets)
    failed = bench.checkpoint(container, archive={})
    status = require_failed(failed, "LinkRemapNeeded", evidence="link remap for /a", remedy="/a")
    log = str(bundle(container) / "dump.log")

    shown = host_a.exec(*DIAGNOSE, "-o", "json", log).stdout
    told = json.loads(shown)
    diagnosis = {name: told[name] for name in ("cause", "evidence", "remedy")}
    assert diagnosis == status["diagnosis"]
    assert told["phase"] == "dump"
    assert told["process"]["comm"] == "sh"
    assert told["criuVersion"] == status["host"]["criuVersion"]
    assert told["kernelVersion"] == status["host"]["kernelVersion"]
    text = host_a.exec("sh", "-c", f"{' '.join(DIAGNOSE)} - <{log}").stdout
    assert f"Evidence:  {told['evidence']}" in text

    events = " ".join(event.message or "" for event in failed.events())
    everything = json.dumps(failed.get()) + events + host_a.agent_log() + shown + text
    assert PASSWORD not in everything


def test_a_restore(bench: Bench, host_a: Host) -> None:
    container = bench.run(host_a, "sh", "-c", "exec 3>/open; while :; do sleep 1; done")
    log = str(bundle(container) / "restore.log")
    root = host_a.exec("podman", "mount", container.name).stdout.strip()
    host_a.exec("podman", "container", "checkpoint", container.name)
    host_a.exec("sh", "-c", f"echo more >{root}/open")
    assert host_a.exec("podman", "container", "restore", container.name, check=False).returncode

    told = json.loads(host_a.exec(*DIAGNOSE, "-o", "json", log).stdout)
    assert (told["phase"], told["cause"]) == ("restore", "FileChanged")
    assert "open" in told["evidence"]
    assert told["process"]["pid"] == 1


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("/nowhere/dump.log", "No such file or directory"),
        ("/usr/bin/podman", "is no log of CRIU's"),
        ("/etc", "is a directory"),
        ("/dev/null", "is empty"),
    ],
)
def test_odd_files(lab: None, file: str, message: str) -> None:
    done = inventory.host("host-a").exec(*DIAGNOSE, file, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
