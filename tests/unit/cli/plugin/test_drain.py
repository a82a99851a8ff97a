"""``drain`` and ``undrain``: what they ask of a host, when they are over, and what they show."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from rich.console import Console

from podman_checkpoint_operator.api.names import Resource
from podman_checkpoint_operator.cli.plugin import screen
from podman_checkpoint_operator.cli.plugin.cluster import Cluster
from podman_checkpoint_operator.cli.plugin.drain import ended
from podman_checkpoint_operator.cli.plugin.program import main
from tests.unit.cli.plugin import resources


def host(status: str, reason: str, *states: str, seen: int = 2) -> dict[str, Any]:
    """Return a host whose condition Drained says this, with containers in these states."""
    told = resources.condition("Drained", status, reason, "said of it") | {
        "observedGeneration": seen
    }
    containers = [
        {"name": f"sql{number}", "id": "0" * 64, "state": each, "message": f"about sql{number}"}
        for number, each in enumerate(states, 1)
    ]
    found = resources.host("host-a", conditions=[told], drain={"containers": containers})
    found["metadata"]["generation"] = 2
    return found


@pytest.mark.parametrize(
    ("found", "drained", "status"),
    [
        (host("True", "Drained", "Safe"), True, 0),
        (host("False", "Draining", "Safe", "Checkpointing"), True, None),
        (host("False", "CannotDrain", "Safe", "Failed"), True, 2),
        (host("False", "CannotDrain", "Failed", "Pending"), True, None),
        (host("False", "NotDraining"), True, None),
        (host("True", "Drained", seen=1), True, None),
        (resources.host(), True, None),
        (resources.host(), False, 0),
        (host("False", "NotDraining", "Restored"), False, 0),
        (host("False", "RestoreFailed", "RestoreFailed"), False, 2),
        (host("False", "CannotDrain", "Failed"), False, None),
    ],
)
def test_when_it_is_over(found: dict[str, Any], drained: bool, status: int | None) -> None:
    found["metadata"]["generation"] = 2
    assert ended(found, drained=drained) == status


OVER = "the time is over"


class World:
    """Stands for a cluster that tells these states of a host."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *states: Any, known: Mapping[str, Any] | None = None
    ) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.known = known
        self.patience: list[float] = []
        self.states = iter(states)
        monkeypatch.setattr(Cluster, "patch", lambda *given: self._patch(*given[1:]))
        monkeypatch.setattr(Cluster, "follow", lambda *_, seconds: self._follow(seconds))

    def _patch(self, _: Resource, name: str, change: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(change)
        return self.known or resources.host(name)

    def _follow(self, seconds: float) -> Iterator[Any]:
        self.patience.append(seconds)
        for each in self.states:
            if each == OVER:
                return
            if isinstance(each, BaseException):
                raise each
            yield each


def test_what_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(monkeypatch)
    assert main(["drain", "host-a"]) == 0
    assert main(["drain", "host-a", "--policy", "All", "--time-limit", "5m"]) == 0
    assert main(["undrain", "host-a"]) == 0
    assert world.asked == [
        {"spec": {"unschedulable": True}},
        {"spec": {"unschedulable": True, "drain": {"policy": "All", "timeoutSeconds": 300}}},
        {"spec": {"unschedulable": False}},
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "podmanhost.podman-checkpoint.dev/host-a is to be drained"
    assert lines[2] == "podmanhost.podman-checkpoint.dev/host-a undrained"


COURSE = (
    None,
    host("False", "NotDraining", "Restored", seen=1),
    host("False", "Draining", "Checkpointing", "Pending"),
    host("False", "Draining", "Safe", "Checkpointing"),
    host("False", "CannotDrain", "Safe", "Failed"),
)


def test_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    World(monkeypatch, *COURSE)
    assert main(["drain", "host-a", "--wait"]) == 2
    said = [line.partition("s  ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == [
        "the API server does not answer; trying again",
        "its agent has not begun yet",
        "sql1: Checkpointing: about sql1",
        "sql2: Pending: about sql2",
        "Draining: said of it",
        "sql1: Safe: about sql1",
        "sql2: Checkpointing: about sql2",
        "sql2: Failed: about sql2",
        "CannotDrain: said of it",
    ]


STUCK = host("False", "CannotDrain", "Safe", "Failed")


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((STUCK, host("False", "Draining", "Safe", "Gone"), host("True", "Drained", "Safe")), 0),
        ((STUCK, None, OVER, STUCK), 2),
        ((STUCK, host("False", "CannotDrain", "Safe", "Gone", "Failed")), 2),
    ],
    ids=["dealt with", "not dealt with", "another one"],
)
def test_a_failure_of_before_is_not_believed_until_the_agent_has_looked_again(
    monkeypatch: pytest.MonkeyPatch, states: tuple[Any, ...], status: int
) -> None:
    world = World(monkeypatch, *states, known=STUCK)
    assert main(["drain", "host-a", "--wait", "--timeout", "5m"]) == status
    assert (world.patience[0], set(world.patience[1:]) <= {300}) == (15, True)


def test_a_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, no_color=True, highlight=False)
    monkeypatch.setattr(screen, "err", lambda: console)
    World(monkeypatch, *COURSE[:4], host("True", "Drained", "Safe", "Safe"))
    assert main(["drain", "host-a", "--wait"]) == 0
    last = file.getvalue().rpartition("Drain host-a")[2]
    assert last.count("Safe") == 2
    assert "Drained: said of it" in last
    assert file.getvalue().count("\x1b[?25h") == 1


@pytest.mark.parametrize(
    ("states", "status", "said"),
    [
        ((COURSE[2], KeyboardInterrupt()), 130, "error: interrupted: podmanhost"),
        ((COURSE[2],), 3, "error: timed out waiting: podmanhost"),
    ],
)
def test_it_goes_on_without_us(
    states: tuple[Any, ...],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    World(monkeypatch, *states)
    assert main(["drain", "host-a", "--wait"]) == status
    error = capsys.readouterr().err
    assert said in error
    assert "describe host/host-a" in error
