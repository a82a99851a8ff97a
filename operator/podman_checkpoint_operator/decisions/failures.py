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

    @property
    def message(self) -> str:
        """What went wrong and what to do, in sentences: for conditions and events."""
        return sentences(self.evidence, self.remedy)


def sentences(*texts: str) -> str:
    """Join texts, some of which have several lines or a full stop already, to one line of prose."""
    lines = (line.strip() for text in texts for line in text.splitlines())
    return " ".join(
        line if line.endswith((".", "!", "?")) else f"{line}." for line in lines if line
    )


class Interrupted(Exception):
    """The agent is shutting down; the operation goes on from its journal at the next start."""
