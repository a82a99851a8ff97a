"""``podman-checkpoint-hold`` as a program. What it does is in tests/unit/hold."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tests.lab.paths import CHECKOUT
from tests.lab.shell import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

MODULE = "podman_checkpoint_operator.cli.hold"
HEAVY = ("kopf", "kubernetes", "podman", "pydantic", "requests", "prometheus_client")


def python(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "operator"), **env}
    return run(sys.executable, *arguments, check=False, env=environment)


def test_it_imports_next_to_nothing() -> None:
    """It waits on every host, for years."""
    said = python("-c", f"import {MODULE}, sys; print(*sys.modules)")
    assert MODULE in said.stdout.split()
    assert not {each.partition(".")[0] for each in said.stdout.split()} & set(HEAVY)


def test_a_host_without_a_system_bus(tmp_path: Path) -> None:
    missing = f"unix:path={tmp_path}/none"
    said = python("-m", MODULE, "--state-dir=/srv/state", DBUS_SYSTEM_BUS_ADDRESS=missing)
    assert said.returncode == 1
    assert "/run/dbus/system_bus_socket" in said.stderr
    assert "/srv/state" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_state_directory_is_the_agents() -> None:
    said = python("-m", MODULE, "--help", PODMAN_CHECKPOINT_STATE_DIR="/srv/state").stdout
    assert "PODMAN_CHECKPOINT_STATE_DIR" in said
