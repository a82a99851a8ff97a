"""A dump that an earlier agent began: wait until nobody is at it, and see how far it came."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Final

from ..api.checkpoint import CheckpointSpec
from ..api.reasons import Cause
from ..decisions.facts import Container
from ..decisions.failures import OperationFailed
from ..decisions.recovery import Begun, Next, after_dump, began
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman

logger = logging.getLogger(__name__)

DUMPING: Final = frozenset({Step.PRE_COPYING, Step.FREEZING, Step.CHECKPOINTING})
"""Steps in which CRIU may be at work on the container, and its images are not complete."""

DUMPED: Final = DUMPING | {Step.CHECKPOINTED, Step.CAPTURED, Step.STORING}
"""Steps in and after which the container may be frozen, stopped, or saved already."""

_QUIET_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.1


class InterruptedDump:
    """The dump of an operation that goes on from its journal."""

    def __init__(self, podman: Podman, machine: Machine, operation: Operation) -> None:
        self._podman = podman
        self._machine = machine
        self._operation = operation

    def left_alone(self, container: Container) -> Container:
        """Wait until nobody works on the container, and thaw it; return it as it is then.

        Podman answers an inspect when it has ended, but CRIU outlives a Podman that was killed.

        Raises:
            OperationFailed: it did not end in time.
        """
        entry = self._operation.entry
        if entry.step in DUMPING:
            quiet_at = time.monotonic()
            while (now := time.monotonic()) < quiet_at + _QUIET_SECONDS:
                if self._machine.is_dumped(container):
                    quiet_at = now
                time.sleep(_POLL_SECONDS)
                container = self._podman.inspect(container.id, timeout=self._operation.remaining())
        if entry.data.get("cgroup"):
            # Not before: CRIU brings the cgroup back to how it found it.
            self._machine.thaw(Path(entry.data["cgroup"]))
        return container

    def next(self, container: Container, spec: CheckpointSpec, *, stored: bool) -> Next:
        """Decide how to go on.

        Args:
            container: left alone.
            spec: what was asked for.
            stored: whether the store has the complete archive.

        Raises:
            OperationFailed: it cannot go on.
        """
        entry = self._operation.entry
        decision = after_dump(
            Begun(
                at=began(entry.data["dumpBeganAt"]),
                same_boot=entry.boot_id == self._operation.boot_id,
                leave_running=spec.leave_running,
                captured=entry.step in (Step.CAPTURED, Step.STORING),
                stored=stored,
                started_at=datetime.fromisoformat(entry.data["startedAt"]),
            ),
            container,
            self._machine.stored_checkpoint(container.bundle),
        )
        logger.info("recovering", extra={"step": str(entry.step), "decision": decision.name})
        if decision is Next.LOST:
            raise OperationFailed(
                Cause.INTERRUPTED,
                f"the checkpoint was interrupted in step {entry.step}, and container"
                f" {container.name} is {container.state} without a complete state of it",
                f"Start it with podman start {container.name}, and create a new"
                " ContainerCheckpoint",
            )
        if decision is Next.CHANGED:
            raise changed(container, "before its checkpoint was complete")
        return decision


def changed(container: Container, when: str) -> OperationFailed:
    """Return the failure of a checkpoint whose container somebody else has touched."""
    return OperationFailed(
        Cause.CONTAINER_CHANGED,
        f"container {container.name} was started or removed {when}",
        "Leave the container alone until the checkpoint is Ready, and create a new checkpoint",
    )
