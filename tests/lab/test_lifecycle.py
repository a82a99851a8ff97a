"""The order in which a lab goes up and down, and what happens when a step fails.

Hosts and control plane are replaced by recorders; the real ones have tests of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from . import controller, controlplane, credentials, inventory, lifecycle, network, paths
from .shell import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LEFT_BEHIND = "host-t"
"""A host of a test session that was killed."""


@dataclass
class Recorder:
    """Stands for a host, or for a module; ``events`` is shared by all."""

    name: str
    events: list[str]
    agent: bool = False
    broken: set[str] = field(default_factory=set)

    def note(self, what: str) -> None:
        self.events.append(f"{self.name} {what}")
        if what in self.broken:
            raise RuntimeError(f"{self.name} cannot {what}")

    def up(self) -> None:
        self.note("up")

    def destroy(self) -> None:
        self.note("destroy")

    def agent_running(self) -> bool:
        return self.agent

    def install_agent(self, kubeconfig: str) -> None:
        self.note(f"install {kubeconfig}")

    def agent_start(self) -> None:
        self.agent = True
        self.note("agent start")


@dataclass
class Lab:
    events: list[str]
    control_plane: Recorder
    hosts: dict[str, Recorder]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    events: list[str] = []
    names = (*inventory.NAMES, LEFT_BEHIND)
    hosts = {name: Recorder(name, events) for name in names}
    control_plane = Recorder("control plane", events)
    monkeypatch.setattr(paths, "CHECKOUT", tmp_path)
    monkeypatch.setattr(paths, "STATE", tmp_path / ".lab")
    monkeypatch.setattr(paths, "ARCHIVES", tmp_path / ".lab" / "archives")
    monkeypatch.setattr(inventory, "host", hosts.__getitem__)
    monkeypatch.setattr(lifecycle, "hosts_with_cgroup", lambda: ["host-b", LEFT_BEHIND])
    monkeypatch.setattr(controlplane, "up", control_plane.up)
    monkeypatch.setattr(controlplane, "down", lambda: control_plane.note("down"))
    controller_ = Recorder("controller", events)
    monkeypatch.setattr(controller, "up", controller_.up)
    monkeypatch.setattr(controller, "down", lambda: controller_.note("down"))
    monkeypatch.setattr(network, "ensure_bridge", lambda: events.append("bridge up"))
    monkeypatch.setattr(network, "remove_bridge", lambda: events.append("bridge down"))
    monkeypatch.setattr(credentials, "agent_kubeconfig", lambda host: f"credentials of {host}")
    return Lab(events, control_plane, hosts)


def test_agents_start_when_hosts_and_control_plane_are_up(lab: Lab) -> None:
    lifecycle.up(["host-a", "host-b"])

    assert lab.events[0] == "bridge up"
    assert set(lab.events[1:4]) == {"host-a up", "host-b up", "control plane up"}
    assert lab.events[4:] == [
        "controller up",
        "host-a install credentials of host-a",
        "host-a agent start",
        "host-b install credentials of host-b",
        "host-b agent start",
    ]
    assert paths.ARCHIVES.is_dir()


def test_a_running_agent_is_left_alone(lab: Lab) -> None:
    lifecycle.up(["host-a"])
    lab.events.clear()

    lifecycle.up(["host-a"])

    assert "host-a agent start" not in lab.events
    assert "host-a install credentials of host-a" not in lab.events


def test_without_a_control_plane_no_agent_starts(lab: Lab) -> None:
    lab.control_plane.broken.add("up")

    with pytest.raises(RuntimeError, match="control plane cannot up"):
        lifecycle.up(["host-a"])

    assert not lab.hosts["host-a"].agent


def test_only_root_can_bring_it_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(RuntimeError, match="run this as root"):
        lifecycle.up(["host-a"])

    assert lab.events == []


def test_down_ends_hosts_before_what_they_stand_on(lab: Lab) -> None:
    paths.ARCHIVES.mkdir(parents=True)

    lifecycle.down()

    destroyed = [f"{name} destroy" for name in (*inventory.NAMES, LEFT_BEHIND)]
    assert lab.events == [*destroyed, "controller down", "control plane down", "bridge down"]
    assert not paths.STATE.exists()


def test_down_does_every_step_although_some_fail(lab: Lab) -> None:
    lab.hosts["host-a"].broken.add("destroy")
    lab.control_plane.broken.add("down")

    with pytest.raises(ExceptionGroup) as caught:
        lifecycle.down()

    messages = [str(error) for error in caught.value.exceptions]
    assert messages == ["host-a cannot destroy", "control plane cannot down"]
    assert "host-b destroy" in lab.events
    assert "bridge down" in lab.events


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder below ``.lab`` that shows another one, with a file that must survive."""
    precious = tmp_path / "elsewhere"
    precious.mkdir()
    (precious / "file").touch()
    below = tmp_path / ".lab" / "hosts" / "root"
    below.mkdir(parents=True)
    run("mount", "--bind", precious, below)
    yield precious
    run("umount", below)


@pytest.mark.lab
def test_down_never_deletes_through_a_mount(lab: Lab, mounted: Path) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        lifecycle.down()

    assert "still mounted" in str(caught.value.exceptions[0])
    assert (mounted / "file").exists()
