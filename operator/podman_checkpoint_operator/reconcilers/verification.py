"""``spec.verify``: a command in the restored container decides whether it is as it should be.

A container that is not is left running: it may have served its clients since, and what it has done
is nowhere else. So is the stopped container that it has replaced.
"""

from __future__ import annotations

from typing import Final

from ..api.common import ConditionStatus
from ..api.conditions import find_condition
from ..api.reasons import Cause, ConditionType, Reason
from ..api.remedies import Setting
from ..api.restore import RestoreSpec
from ..decisions.facts import Container
from ..decisions.failures import OperationFailed, sentences
from .command import Commands, ended
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman, PodmanError, PodmanUnreachable
from .target import way_back

_NOT_RUN: Final = (125, 126, 127)


class Verification:
    """The verification of one restore."""

    def __init__(
        self, podman: Podman, machine: Machine, operation: Operation, spec: RestoreSpec
    ) -> None:
        self._commands = Commands(podman, machine, operation)
        self._operation = operation
        self._spec = spec

    def run(self, container: Container, *, kept_aside: str = "") -> None:
        """Verify a running container, if that was asked for.

        Args:
            container: restored, or adopted.
            kept_aside: the name of the stopped container that it has replaced, if there is one.

        Raises:
            OperationFailed: it is not as it should be.
        """
        verify = self._spec.verify
        if verify is None:
            return
        operation = self._operation
        operation.progress(Reason.VERIFYING, f"Verifying container {container.name}")
        try:
            outcome = self._commands.run(
                container, verify.exec.command, seconds=verify.timeout_seconds
            )
        except PodmanUnreachable:
            raise
        except PodmanError as error:
            raise self._failure(container, str(error), kept_aside=kept_aside) from error
        operation.status["verification"] = outcome.as_status()
        if outcome.exit_code != 0:
            evidence = ended(verify.exec.command, outcome, seconds=verify.timeout_seconds)
            failure = self._failure(container, evidence, kept_aside=kept_aside)
            if outcome.exit_code in _NOT_RUN:
                failure.remedy = Setting(
                    "spec.verify.exec.command to one that the container has",
                    because=sentences(failure.remedy),
                )
            operation.missed(ConditionType.VERIFIED, failure)
            raise failure
        operation.reached(
            ConditionType.VERIFIED, Reason.VERIFIED, f"Container {container.name} was verified"
        )
        operation.note()

    def is_due(self) -> bool:
        """Whether the container is still to be verified."""
        known = find_condition(self._operation.status["conditions"], ConditionType.VERIFIED)
        verified = known is not None and known["status"] == ConditionStatus.TRUE
        return self._spec.verify is not None and not verified

    def _failure(self, container: Container, evidence: str, *, kept_aside: str) -> OperationFailed:
        remedy = (
            f"Container {container.name} runs on as it was restored. When it is as it should be,"
            " verify it by a new ContainerRestore with spec.existingContainer: Adopt"
        )
        if kept_aside:
            remedy += f". {way_back(container.name, kept_aside)}"
        return OperationFailed(Cause.VERIFICATION_FAILED, evidence, remedy)
