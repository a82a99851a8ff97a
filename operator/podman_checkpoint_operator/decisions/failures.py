"""How an operation fails: one exception that carries the whole explanation."""

from __future__ import annotations

from ..api.reasons import Cause


class OperationFailed(Exception):
    """A checkpoint or restore cannot go on; ``status.diagnosis`` is made of this.

    Attributes:
        cause: from the fixed vocabulary; also the reason of ``Stalled`` and ``Ready``.
        evidence: what was seen, literally where it is somebody else's words (a log line, an error).
        remedy: what to set or do so that the next try succeeds.
    """

    def __init__(self, cause: Cause, evidence: str, remedy: str) -> None:
        super().__init__(f"{cause}: {evidence}")
        self.cause = cause
        self.evidence = evidence
        self.remedy = remedy


class Interrupted(Exception):
    """The agent is shutting down; the operation goes on from its journal at the next start."""
