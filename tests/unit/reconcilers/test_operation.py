"""How the course of an operation is told to whoever can do something about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason
from podman_checkpoint_operator.api.remedies import Setting
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.preflight import failed, warned
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter, operation, resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from podman_checkpoint_operator.reconcilers.operation import Operation

LATE: Final = OperationFailed(Cause.TIMED_OUT, "too slow", Setting("spec.timeoutSeconds higher"))
REMEDY: Final = Setting("spec.fileLocks: true")


def checked(of: Operation) -> None:
    noted = warned("HealthCheck", "it has one", REMEDY)
    with pytest.raises(OperationFailed) as caught:
        of.check([noted, failed("FileLocks", "it holds some", Cause.FILE_LOCKS, REMEDY)])
    of.fail(caught.value)


def waited(of: Operation) -> None:
    of.wait(Reason.WAITING_FOR_PODMAN, LATE)


def missed(of: Operation) -> None:
    of.missed(ConditionType.CHECKPOINTED, LATE)
    of.fail(LATE)


@pytest.mark.parametrize(
    ("course", "of_user", "of_drain"),
    [
        (checked, "Set spec.fileLocks: true", "own with spec.fileLocks: true"),
        (waited, "Set spec.timeoutSeconds", "In the PodmanHost set spec.drain.timeoutSeconds"),
        (missed, "Set spec.timeoutSeconds", "In the PodmanHost set spec.drain.timeoutSeconds"),
    ],
)
@pytest.mark.parametrize("by_drain", [False, True])
def test_remedies_are_for_who_has_made_the_resource(
    course: Callable[[Operation], None], of_user: str, of_drain: str, *, by_drain: bool
) -> None:
    reporter = RecordingReporter()
    of = operation(
        replace(resource(), by_drain=by_drain), journal=MemoryJournal(), reporter=reporter
    )
    course(of)

    (status, *_) = reporter.statuses["uid-1"]
    told = [*texts(status), *(message for _, _, message in reporter.events)]
    right, wrong = (of_drain, of_user) if by_drain else (of_user, of_drain)
    assert right in status["diagnosis"]["remedy"]
    assert sum(right in each for each in told) > 1
    assert not any(wrong in each for each in told)


def texts(what: Any) -> list[str]:
    """Return all texts in a status."""
    match what:
        case str():
            return [what]
        case dict():
            return [each for value in what.values() for each in texts(value)]
        case list():
            return [each for value in what for each in texts(value)]
    return []
