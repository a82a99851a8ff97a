"""What ``--wait`` shows: a drawing on a terminal, and elsewhere a line for each phase."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from rich.console import Console

from podman_checkpoint_operator.api.names import CHECKPOINTS
from podman_checkpoint_operator.cli.plugin import progress, screen
from podman_checkpoint_operator.cli.plugin.outcome import Stop
from tests.unit.cli.plugin import resources
from tests.unit.cli.plugin.resources import condition, working

PASSED = condition("PreflightPassed", "True", "PreflightPassed", "21 checks, nothing in the way")
COURSE = [
    resources.checkpoint(),
    resources.checkpoint(**working("Preflight", "Looking at container web")),
    None,
    resources.checkpoint(**working("Checkpointing", "Dumping", PASSED)),
    resources.checkpoint(**working("Checkpointing", "Still dumping", PASSED)),
]
READY = resources.checkpoint(**resources.ready())
FAILED = resources.checkpoint(**resources.failed())


class Cluster:
    """Stands for an API server that tells these states."""

    def __init__(self, states: Sequence[Any]) -> None:
        self._states = states

    def follow(self, *_: object, seconds: float) -> Iterator[Any]:
        for each in self._states:
            if isinstance(each, BaseException):
                raise each
            yield each


def watched(
    states: Sequence[Any], monkeypatch: pytest.MonkeyPatch, *, terminal: bool, **console: Any
) -> str:
    file = io.StringIO()
    made = Console(file=file, width=80, force_terminal=terminal, highlight=False, **console)
    monkeypatch.setattr(screen, "err", lambda: made)
    cluster: Any = Cluster(states)
    try:
        progress.watch(cluster, CHECKPOINTS, resources.checkpoint(), seconds=0)
    finally:
        text = file.getvalue()
    return text


def test_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = watched([*COURSE, READY], monkeypatch, terminal=False).splitlines()
    said = [line.partition("s  ")[2] for line in lines[:5]]
    assert said == [
        "Pending: no agent of host-a has taken it up yet",
        "Preflight: Looking at container web",
        "the API server does not answer; trying again",
        "Checkpointing: Dumping",
        "Ready",
    ]
    assert lines[5:] == [
        "  Archive:    186.4 MiB, zstd",
        f"              {resources.URI}",
        "  Measured:   paused for 298 ms, 140.0 KiB of memory",
        "  Beside it:  /srv/web: needed on the host that restores it",
    ]


def test_a_failure_ends_with_its_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    text = watched([FAILED], monkeypatch, terminal=False)
    assert "Failed: TCPEstablished\n" in text
    assert "  Cause:      TCPEstablished\n" in text
    assert "  Remedy:     Set spec.tcpEstablished: true in the" in text


def test_a_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = watched([*COURSE, READY], monkeypatch, terminal=True, no_color=True)
    assert "Checkpoint of web on host-a" in text
    last = text.rpartition("Checkpoint of web on host-a")[2]
    for part in ("✓", "21 checks, nothing in the way", "Checkpointing", "Ready"):
        assert part in last
    assert "✗" not in last
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1, "the cursor comes back"


def test_a_terminal_that_knows_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, "encoding", "ascii")
    text = watched([*COURSE, FAILED], monkeypatch, terminal=True)
    assert text.isascii()
    assert "x" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_an_interruption_leaves_the_operation_alone(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stop, match="interrupted: containercheckpoint") as stop:
        watched([*COURSE, KeyboardInterrupt()], monkeypatch, terminal=terminal)
    assert stop.value.status == 130


def test_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop, match="describe cckpt/saved") as stop:
        watched(COURSE, monkeypatch, terminal=False)
    assert stop.value.status == 3


def test_phases_have_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([101.0, 103.5, 110.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    course = progress.Course(began=100.0)
    for each in (COURSE[1], COURSE[3], READY):
        assert each is not None
        course.see(each)
    assert [(each.word, each.took) for each in course.phases] == [
        ("Preflight", 3.5),
        ("Checkpointing", 6.5),
        ("Ready", 10.0),
    ]
