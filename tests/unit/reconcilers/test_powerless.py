"""An agent that may not even look: it refuses what is new, and leaves alone what was begun."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import create_autospec

import pytest

from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason
from podman_checkpoint_operator.decisions.capabilities import Capability
from podman_checkpoint_operator.decisions.failures import Interrupted, OperationFailed
from podman_checkpoint_operator.decisions.rights import ALL_RIGHTS, Rights
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.reconcilers.powerless import powerful
from podman_checkpoint_operator.reconcilers.reconciler import Reconciler
from tests.unit.reconcilers import fakes

BLIND = Rights(frozenset({Capability.SYS_PTRACE}))


@pytest.fixture
def reporter() -> fakes.RecordingReporter:
    return fakes.RecordingReporter()


@pytest.fixture
def real() -> Reconciler:
    """What would carry the operations out."""
    made: Reconciler = create_autospec(Reconciler, instance=True)
    return made


def test_who_has_what_everything_needs_carries_it_out(real: Reconciler) -> None:
    assert powerful(real, ALL_RIGHTS) is real
    assert powerful(real, Rights(frozenset({Capability.FSETID}))) is real


def test_what_is_new_is_refused_in_preflight(
    real: Reconciler, reporter: fakes.RecordingReporter
) -> None:
    operation = fakes.operation(fakes.resource(), fakes.MemoryJournal(), reporter)

    with pytest.raises(OperationFailed) as raised:
        powerful(real, BLIND).run(operation)

    assert raised.value.cause is Cause.CAPABILITY_MISSING
    (check,) = operation.status["preflight"]
    assert (check["check"], check["result"]) == ("Capabilities", "Fail")
    assert not real.run.called  # type: ignore[attr-defined]


def test_what_was_begun_waits_for_another_agent_and_says_so_once(
    real: Reconciler, reporter: fakes.RecordingReporter
) -> None:
    journal, resource = fakes.MemoryJournal(), fakes.resource()
    fakes.operation(resource, journal, reporter).record(Step.CHECKPOINTED)
    kept = journal.kept[resource.uid]
    blind = powerful(real, BLIND)

    with pytest.raises(Interrupted):
        blind.run(fakes.operation(resource, journal, reporter))
    with pytest.raises(OperationFailed):
        blind.abandon(fakes.operation(resource, journal, reporter))

    (status,) = reporter.statuses[resource.uid]
    assert reporter.ready(resource.uid) == Reason.WAITING_FOR_CAPABILITIES
    assert status["diagnosis"]["cause"] == Cause.CAPABILITY_MISSING
    assert journal.kept[resource.uid] == kept
    assert not real.run.called  # type: ignore[attr-defined]
    assert not real.abandon.called  # type: ignore[attr-defined]

    # The watch brings what was just written.
    with pytest.raises(Interrupted):
        blind.run(fakes.operation(replace(resource, status=status), journal, reporter))
    assert len(reporter.statuses[resource.uid]) == 1
    assert reporter.condition(resource.uid, ConditionType.STALLED) is None


def test_an_archive_goes_with_its_resource(real: Reconciler) -> None:
    powerful(real, BLIND).discard(fakes.resource())
    assert real.discard.called  # type: ignore[attr-defined]
