"""What a hook did before the dump is undone once, however the attempt ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from podman_checkpoint_operator.api.checkpoint import CheckpointSpec
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import State
from podman_checkpoint_operator.decisions.failures import Interrupted, OperationFailed
from podman_checkpoint_operator.reconcilers.hooks import Hooks
from podman_checkpoint_operator.reconcilers.podman_port import PodmanError, PodmanUnreachable
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter, operation, resource
from tests.unit.reconcilers.sessions import Command, Sessions
from tests.unit.samples import CONTAINER

PRE = {"exec": {"command": ["pre"]}}
POST = {"exec": {"command": ["post"]}}
BOTH = {"preCheckpoint": PRE, "postCheckpoint": POST}


class Attempt:
    """The hooks of one checkpoint, and what they have done."""

    def __init__(self, *commands: Command, hooks: dict[str, Any] | None = BOTH) -> None:
        spec: dict[str, Any] = {"containerRef": {"name": "db"}, "leaveRunning": True, "archive": {}}
        if hooks is not None:
            spec["hooks"] = hooks
        self.journal, self.reporter = MemoryJournal(), RecordingReporter()
        self.sessions = Sessions(*commands)
        of = resource(**spec)
        self.operation = operation(of, self.journal, self.reporter)
        self.operation.identify(CONTAINER.id)
        self.hooks = Hooks(
            self.sessions,  # type: ignore[arg-type]
            self.sessions.machine,
            self.operation,
            CheckpointSpec.model_validate(of.spec),
        )

    @property
    def ran(self) -> list[str]:
        return [words[0] for words in self.sessions.begun]

    @property
    def owed(self) -> bool:
        return bool(self.journal.kept["uid-1"].data["owed"])

    def dump(self, error: Exception | None = None) -> None:
        with self.hooks.around(CONTAINER):
            assert self.owed
            if error:
                raise error


def test_both_run_around_a_dump() -> None:
    attempt = Attempt(Command(b"one"), Command(b"two"))
    attempt.dump()
    assert attempt.ran == ["pre"]
    attempt.hooks.after(CONTAINER)
    attempt.hooks.after(CONTAINER)
    attempt.hooks.undo()
    assert attempt.ran == ["pre", "post"]
    assert not attempt.owed
    assert attempt.operation.status["hooks"] == [
        {"name": "preCheckpoint", "exitCode": 0, "output": "one"},
        {"name": "postCheckpoint", "exitCode": 0, "output": "two"},
    ]


@pytest.mark.parametrize(
    ("command", "evidence"),
    [
        (Command(b"no", 7), "exited with 7 and said: no"),
        (Command(refused=PodmanError("no such program")), "no such program"),
    ],
)
@pytest.mark.parametrize("on_error", ["Fail", "Continue"])
def test_one_that_fails(command: Command, evidence: str, on_error: str) -> None:
    hooks = {**BOTH, "preCheckpoint": {**PRE, "onError": on_error}}
    attempt = Attempt(command, Command(), hooks=hooks)
    if on_error == "Fail":
        with pytest.raises(OperationFailed, match=evidence) as caught:
            attempt.dump()
        assert caught.value.cause is Cause.HOOK_FAILED
        assert "was not checkpointed" in caught.value.remedy
    else:
        attempt.dump()
        assert attempt.reporter.events[-1][1] == Cause.HOOK_FAILED
    assert attempt.owed
    attempt.hooks.undo()
    assert attempt.ran == ["pre", "post"]


def test_a_failure_to_undo_is_only_reported() -> None:
    attempt = Attempt(Command(), Command(b"", 8))
    with pytest.raises(OperationFailed, match="no space"):
        attempt.dump(OperationFailed(Cause.NO_SPACE, "no space"))
    attempt.hooks.undo()
    assert attempt.reporter.events[-1][:2] == ("Warning", Cause.HOOK_FAILED)
    assert not attempt.owed


def test_an_agent_that_stops_undoes_at_once() -> None:
    attempt = Attempt(Command(), Command())
    with pytest.raises(Interrupted):
        attempt.dump(Interrupted("default/saved"))
    assert attempt.ran == ["pre", "post"]


def test_what_podman_keeps_from_being_undone_stays_owed() -> None:
    attempt = Attempt(Command(), Command(refused=PodmanUnreachable("away")), Command())
    attempt.dump()
    with pytest.raises(PodmanUnreachable):
        attempt.hooks.undo()
    assert attempt.owed
    attempt.hooks.undo()
    assert attempt.ran == ["pre", "post", "post"]


def test_an_attempt_that_was_cut_off_is_undone_before_the_next() -> None:
    attempt = Attempt(*[Command()] * 4)
    attempt.dump()
    attempt.dump()
    assert attempt.ran == ["pre", "post", "pre"]


@pytest.mark.parametrize("state", [State.EXITED, None])
def test_nothing_is_undone_in_a_container_that_does_not_run(state: State | None) -> None:
    attempt = Attempt(Command())
    attempt.dump()
    attempt.sessions.container = replace(CONTAINER, state=state) if state else None
    attempt.hooks.undo()
    assert attempt.ran == ["pre"]
    assert not attempt.owed


def test_without_hooks_nothing_is_written() -> None:
    attempt = Attempt(hooks=None)
    with attempt.hooks.around(CONTAINER):
        pass
    attempt.hooks.after(CONTAINER)
    attempt.hooks.undo()
    assert not attempt.journal.kept
