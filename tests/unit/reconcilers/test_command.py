"""A command in a container ends, or is ended, and leaves nothing behind.

Not here: that it is so with a real Podman; see tests/e2e/test_hooks.py and test_verify.py.
"""

from __future__ import annotations

import pytest

from podman_checkpoint_operator.reconcilers.command import Commands, Outcome, ended
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.reconcilers.podman_port import PodmanError
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter, operation, resource
from tests.unit.reconcilers.sessions import SECRET, Command, Sessions
from tests.unit.samples import CONTAINER


def commands(sessions: Sessions, journal: MemoryJournal) -> Commands:
    of = operation(resource(), journal, RecordingReporter())
    return Commands(sessions, sessions.machine, of)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [0, 3])
def test_one_that_ends(code: int) -> None:
    sessions, journal = Sessions(Command(f"as {SECRET}\n".encode(), code)), MemoryJournal()
    outcome = commands(sessions, journal).run(CONTAINER, ["true"], seconds=30)
    assert outcome == Outcome(code, "as <hidden>")
    assert sessions.removed == ["session-1"]
    assert not sessions.killed
    assert journal.kept["uid-1"].data["session"] == ""


def test_one_that_hangs_is_killed() -> None:
    sessions = Sessions(Command(b"begun", None))
    outcome = commands(sessions, MemoryJournal()).run(CONTAINER, ["sleep"], seconds=1)
    assert outcome == Outcome(None, "begun")
    assert outcome.as_status() == {"output": "begun"}
    assert sessions.killed == sessions.removed == ["session-1"]


def test_one_that_cannot_begin_leaves_no_session() -> None:
    sessions = Sessions(Command(refused=PodmanError("no such program")))
    with pytest.raises(PodmanError, match="no such program"):
        commands(sessions, MemoryJournal()).run(CONTAINER, ["nosuch"], seconds=1)
    assert sessions.removed == ["session-1"]


@pytest.mark.parametrize("gone", [False, True])
def test_one_of_an_agent_that_was_killed_is_ended(gone: bool) -> None:
    sessions, journal = Sessions(Command()), MemoryJournal()
    of = operation(resource(), journal, RecordingReporter())
    of.record(Step.PREPARING, **sessions.left_by_an_earlier_agent("old"))
    sessions.container = None if gone else CONTAINER
    commands(sessions, journal).end()
    # With its container, its processes have ended.
    assert sessions.killed == ([] if gone else ["old"])
    assert sessions.removed == ["old"]
    assert journal.kept["uid-1"].data["session"] == ""


def test_how_it_ended_is_told_in_a_sentence() -> None:
    assert ended(["sh", "-c", "a b"], Outcome(3, "no\n"), seconds=1) == (
        "the command sh -c 'a b' exited with 3 and said: no"
    )
    assert ended(["true"], Outcome(None, ""), seconds=1) == (
        "the command true did not end within 1 s and said nothing"
    )
    assert len(ended(["x" * 9000], Outcome(0, "y" * 9000), seconds=1)) < 1000
