"""What an agent that was killed in the dump has left is removed, and the container is left to run.

Not here: that it is so with a real Podman; see tests/e2e/test_killed.py.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock, create_autospec

import pytest

from podman_checkpoint_operator.decisions.facts import State
from podman_checkpoint_operator.reconcilers.archive_port import Archives
from podman_checkpoint_operator.reconcilers.checkpoint import CheckpointReconciler
from podman_checkpoint_operator.reconcilers.dump import Tools
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.reconcilers.machine_port import Machine
from podman_checkpoint_operator.reconcilers.podman_port import Podman
from tests.unit.reconcilers import fakes
from tests.unit.samples import CONTAINER

DUMPING = {Step.PRE_COPYING, Step.FREEZING, Step.CHECKPOINTING}


@pytest.mark.parametrize("state", [State.RUNNING, State.EXITED])
@pytest.mark.parametrize("step", sorted({*DUMPING, Step.ACCEPTED, Step.CHECKPOINTED}))
def test_images_of_a_dump_that_nobody_asks_for_any_more(step: Step, state: State) -> None:
    podman = create_autospec(Podman, instance=True)
    machine = create_autospec(Machine, instance=True)
    tools = Tools(podman, machine, create_autospec(Archives, instance=True), Mock(), Mock(), Mock())
    container = replace(CONTAINER, state=state)
    podman.find.return_value = podman.inspect.return_value = container
    machine.is_dumped.return_value = False
    operation = fakes.operation(
        fakes.resource(containerRef={"name": "db"}, preCopy=True),
        fakes.MemoryJournal(),
        fakes.RecordingReporter(),
    )
    operation.identify(CONTAINER.id)
    operation.record(step)

    CheckpointReconciler(tools).abandon(operation)

    # Of a container that does not run, they may be all there is.
    expected = step in DUMPING and state is State.RUNNING
    assert machine.clear_stored_checkpoint.called == expected
