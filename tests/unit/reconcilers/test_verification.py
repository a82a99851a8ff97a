"""A command in the restored container decides whether the restore was good."""

from __future__ import annotations

from typing import Any

import pytest

from podman_checkpoint_operator.api.reasons import Cause, ConditionType
from podman_checkpoint_operator.api.restore import RestoreSpec
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.reconcilers.podman_port import PodmanError, PodmanUnreachable
from podman_checkpoint_operator.reconcilers.verification import Verification
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter, operation, resource
from tests.unit.reconcilers.sessions import Command, Sessions
from tests.unit.samples import CONTAINER

SPEC: dict[str, Any] = {"source": {"containerRef": {"name": "db"}}}
VERIFY: dict[str, Any] = {"verify": {"exec": {"command": ["psql"]}}}


def verify(*commands: Command, kept_aside: str = "", **spec: Any) -> tuple[Sessions, Any]:
    sessions = Sessions(*commands)
    of = resource(kind="ContainerRestore", **SPEC, **spec)
    course = operation(of, MemoryJournal(), RecordingReporter())
    wanted = RestoreSpec.model_validate(of.spec)
    verification = Verification(sessions, sessions.machine, course, wanted)  # type: ignore[arg-type]
    try:
        verification.run(CONTAINER, kept_aside=kept_aside)
    except OperationFailed as failure:
        return sessions, (failure, course.status)
    return sessions, course.status


def verified(status: dict[str, Any]) -> str:
    return next(
        (each["status"] for each in status["conditions"] if each["type"] == ConditionType.VERIFIED),
        "",
    )


def test_nothing_runs_unless_it_is_asked_for() -> None:
    sessions, status = verify()
    assert not sessions.begun
    assert not verified(status)


def test_exit_code_0_is_good() -> None:
    sessions, status = verify(Command(b"10000"), **VERIFY)
    assert sessions.begun == [("psql",)]
    assert status["verification"] == {"exitCode": 0, "output": "10000"}
    assert verified(status) == "True"


@pytest.mark.parametrize(
    ("command", "evidence", "remedy"),
    [
        (Command(b"gone", 1), "exited with 1 and said: gone", "Container db runs on"),
        (Command(b"", 127), "exited with 127", "Set spec.verify.exec.command"),
    ],
)
def test_anything_else_is_not(command: Command, evidence: str, remedy: str) -> None:
    _, (failure, status) = verify(command, **VERIFY)
    assert failure.cause is Cause.VERIFICATION_FAILED
    assert evidence in failure.evidence
    assert remedy in failure.remedy
    assert verified(status) == "False"


def test_a_container_that_it_replaced_is_named_with_the_way_back() -> None:
    _, (failure, _) = verify(Command(b"", 1), kept_aside="db-replaced-1", **VERIFY)
    assert "podman rename db-replaced-1 db" in failure.remedy


def test_a_refusal_of_podman_is_a_failure_and_its_absence_is_not() -> None:
    _, (failure, _) = verify(Command(refused=PodmanError("container is paused")), **VERIFY)
    assert failure.evidence == "container is paused"
    with pytest.raises(PodmanUnreachable):
        verify(Command(refused=PodmanUnreachable("away")), **VERIFY)
