"""The agent that lacks what every operation needs: new ones are refused, begun ones wait.

Without these rights the agent cannot even look: what it does not see would be missing from what it
saves, and nobody would know. So it touches nothing. What an agent with more rights has begun is
kept as it is for the next of that kind.
"""

from __future__ import annotations

from ..api.conditions import find_condition
from ..api.reasons import ConditionType, Reason
from ..decisions.capabilities import Work
from ..decisions.failures import Interrupted
from ..decisions.preflight import Check
from ..decisions.rights import Rights, capability_check
from .operation import Operation
from .reconciler import Reconciler
from .resource import Resource


def powerful(reconciler: Reconciler, rights: Rights) -> Reconciler:
    """Return a reconciler that does something only with the rights that everything needs."""
    check = capability_check(rights, [Work.EVERYTHING])
    return Powerless(reconciler, check) if check.result == "Fail" else reconciler


class Powerless:
    """Refuses the operations of another reconciler.

    Args:
        reconciler: of the same kind.
        check: that has failed.
    """

    def __init__(self, reconciler: Reconciler, check: Check) -> None:
        self._reconciler = reconciler
        self._check = check

    def identify(self, resource: Resource) -> str:
        """Return what two operations must not touch at once."""
        return resource.uid

    def run(self, operation: Operation) -> None:
        """Refuse an operation, or have it wait.

        Raises:
            OperationFailed: it had not begun.
            Interrupted: it had; to be continued by another agent.
        """
        if not operation.entry.has_begun:
            operation.check([self._check])
        told = find_condition(
            operation.resource.status.get("conditions") or [], ConditionType.READY
        )
        if not told or told["reason"] != Reason.WAITING_FOR_CAPABILITIES:
            operation.wait(Reason.WAITING_FOR_CAPABILITIES, self._check.failure)
        raise Interrupted(operation.resource.key)

    def abandon(self, operation: Operation) -> None:
        """Leave what was begun to another agent.

        Raises:
            OperationFailed: always.
        """
        raise self._check.failure

    def discard(self, resource: Resource) -> None:
        """Do what the deletion of a resource asks for: an archive goes without further rights."""
        self._reconciler.discard(resource)
