"""What lies in a container's bundle, and whether it is all there."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from podman_checkpoint_operator.host.description import HostDescription
from podman_checkpoint_operator.host.machine import LocalMachine
from podman_checkpoint_operator.host.units import HostUnits
from tests.unit.samples import CONTAINER


@pytest.fixture
def machine(tmp_path: Path) -> LocalMachine:
    return LocalMachine(
        tmp_path,
        create_autospec(HostDescription, instance=True),
        create_autospec(HostUnits, instance=True),
    )


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with a state whose memory was copied beforehand in part."""
    (tmp_path / "bundle/checkpoint").mkdir(parents=True)
    (tmp_path / "bundle/pre-checkpoint").mkdir()
    for folder in ("checkpoint", "pre-checkpoint"):
        (tmp_path / "bundle" / folder / "inventory.img").touch()
    (tmp_path / "bundle/checkpoint/parent").symlink_to("../pre-checkpoint")
    return Path("/bundle")


def test_an_agent_knows_the_container_that_it_is_in(machine: LocalMachine) -> None:
    command = ["unshare", "--mount", "sh", "-c", "echo; exec sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as elsewhere:
        assert elsewhere.stdout is not None
        elsewhere.stdout.readline()
        assert not machine.is_own(replace(CONTAINER, pid=elsewhere.pid))
        elsewhere.kill()
    assert machine.is_own(replace(CONTAINER, pid=os.getpid()))
    assert not machine.is_own(replace(CONTAINER, pid=0))


def test_a_state_needs_the_memory_that_was_copied_beforehand(
    machine: LocalMachine, bundle: Path, tmp_path: Path
) -> None:
    stored = machine.stored_checkpoint(bundle)
    assert stored is not None
    assert stored.complete
    (tmp_path / "bundle/pre-checkpoint/inventory.img").unlink()
    stored = machine.stored_checkpoint(bundle)
    assert stored is not None
    assert not stored.complete


def test_what_was_noted_before_a_dump_is_read_with_its_state(
    machine: LocalMachine, bundle: Path, tmp_path: Path
) -> None:
    stored = machine.stored_checkpoint(bundle)
    assert stored is not None
    assert not stored.origin
    machine.note_origin(bundle, {"criuVersion": "4.1", "startedAt": "2026-03-01T12:00:00+00:00"})
    stored = machine.stored_checkpoint(bundle)
    assert stored is not None
    assert stored.origin["criuVersion"] == "4.1"
    for damaged in ('{"criuVersion": "4', "[]", '{"criuVersion": 4}'):
        (tmp_path / "bundle/podman-checkpoint.dev.json").write_text(damaged)
        stored = machine.stored_checkpoint(bundle)
        assert stored is not None
        assert not stored.origin


def test_nothing_of_a_state_is_left(machine: LocalMachine, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bundle/config.json").touch()
    machine.note_origin(bundle, {"criuVersion": "4.1"})
    machine.clear_stored_checkpoint(bundle)
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["config.json"]
    assert machine.stored_checkpoint(bundle) is None
    assert machine.dump_statistics(bundle) == {}
