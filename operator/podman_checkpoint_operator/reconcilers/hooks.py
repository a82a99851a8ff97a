"""``spec.hooks``: a command in the container before it is dumped, and one when it runs on.

One attempt at a dump is: ``preCheckpoint``, the dump, ``postCheckpoint``. The last one undoes what
the first has done (it unlocks tables, say), and so is owed from the moment the attempt begins,
however it ends: the journal holds that debt. An attempt that was cut off is undone before the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ..api.checkpoint import CheckpointSpec, Hook, OnError
from ..api.reasons import Cause, Reason
from ..api.remedies import Setting
from ..decisions.facts import Container, State
from ..decisions.failures import Interrupted, OperationFailed
from .command import Commands, Outcome, ended
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman, PodmanError, PodmanUnreachable

_PRE: Final = "preCheckpoint"
_POST: Final = "postCheckpoint"


class Hooks:
    """The hooks of one checkpoint."""

    def __init__(
        self, podman: Podman, machine: Machine, operation: Operation, spec: CheckpointSpec
    ) -> None:
        self._podman = podman
        self._commands = Commands(podman, machine, operation)
        self._operation = operation
        self._hooks = spec.hooks

    @contextmanager
    def around(self, container: Container) -> Iterator[None]:
        """Begin an attempt at a dump, which is the block.

        Raises:
            OperationFailed: ``preCheckpoint`` failed.
        """
        if self._hooks is None:
            yield
            return
        self.undo()
        self._operation.record(Step.PREPARING, owed=self._hooks.post_checkpoint is not None)
        if (hook := self._hooks.pre_checkpoint) is not None:
            self._require(container, _PRE, hook, "The container was not checkpointed, and runs on")
        try:
            yield
        except Interrupted:
            # Nobody knows when the next agent starts.
            self.undo()
            raise

    def after(self, container: Container) -> None:
        """End an attempt whose dump succeeded, if that was not done already.

        Raises:
            OperationFailed: ``postCheckpoint`` failed.
        """
        if hook := self._owed():
            self._require(container, _POST, hook, "The container runs on; nothing was archived")

    def undo(self) -> None:
        """End an attempt that failed or was cut off; what goes wrong is only reported."""
        self._commands.end()
        hook = self._owed()
        container = self._podman.find(self._operation.entry.container_id) if hook else None
        if hook and container is not None and container.state is State.RUNNING:
            failure = self._run(container, _POST, hook, "The container runs on")
            if failure is not None:
                self._operation.event("Warning", failure.cause, failure.message)
        self._settle()

    def _require(self, container: Container, name: str, hook: Hook, consequence: str) -> None:
        failure = self._run(container, name, hook, consequence)
        if name == _POST:
            self._settle()
        if failure is None:
            return
        if hook.on_error is OnError.FAIL:
            raise failure
        self._operation.event("Warning", failure.cause, failure.message)

    def _owed(self) -> Hook | None:
        if self._hooks is None or not self._operation.entry.data.get("owed"):
            return None
        return self._hooks.post_checkpoint

    def _settle(self) -> None:
        if self._operation.entry.data.get("owed"):
            self._operation.note(owed=False)

    def _run(
        self, container: Container, name: str, hook: Hook, consequence: str
    ) -> OperationFailed | None:
        """Run a hook and report how it ended; return what is wrong with that."""
        self._operation.progress(Reason.RUNNING_HOOK, f"Running {name} in {container.name}")
        command, seconds = hook.exec.command, hook.timeout_seconds
        try:
            outcome = self._commands.run(container, command, seconds=seconds)
            evidence = ended(command, outcome, seconds=seconds)
        except PodmanUnreachable:
            raise
        except PodmanError as error:
            outcome, evidence = Outcome(None, ""), str(error)
        self._report(name, outcome)
        if outcome.exit_code == 0:
            return None
        return OperationFailed(
            Cause.HOOK_FAILED,
            f"{name}: {evidence}",
            Setting(
                f"spec.hooks.{name} to a command that succeeds, or spec.hooks.{name}.onError:"
                " Continue",
                rather="correct what it found (its output is in status.hooks)",
                because=f"{consequence}.",
            ),
        )

    def _report(self, name: str, outcome: Outcome) -> None:
        reports: list[dict[str, Any]] = self._operation.status.get("hooks", [])
        others = [report for report in reports if report["name"] != name]
        self._operation.status["hooks"] = [*others, {"name": name, **outcome.as_status()}]
