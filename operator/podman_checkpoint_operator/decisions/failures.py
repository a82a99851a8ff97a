"""How an operation fails: one exception that carries the whole explanation."""

from __future__ import annotations

import errno
import os
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import in_drain
from ..criu.secrecy import without_secrets

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


class OperationFailed(Exception):
    """A checkpoint or restore cannot go on; ``status.diagnosis`` is made of this.

    Attributes:
        cause: from the fixed vocabulary; also the reason of ``Stalled`` and ``Ready``.
        evidence: what was seen, literally where it is somebody else's words (a log line, an error),
            but for values that look like secrets.
        remedy: what to set or do so that the next try succeeds; empty if nothing but a try helps.
    """

    def __init__(self, cause: Cause, evidence: str, remedy: str = "") -> None:
        evidence = without_secrets(evidence)
        super().__init__(f"{cause}: {evidence}")
        self.cause = cause
        self.evidence = evidence
        self.remedy = remedy

    @property
    def message(self) -> str:
        """What went wrong and what to do, in sentences: for conditions and events."""
        return sentences(self.evidence, self.remedy)

    def in_drain(self, kind: str) -> OperationFailed:
        """Return the same of a resource of a kind that a drain has made."""
        return OperationFailed(self.cause, self.evidence, in_drain(self.remedy, kind))


def sentences(*texts: str) -> str:
    """Join texts, some of which have several lines or a full stop already, to one line of prose."""
    lines = (line.strip() for text in texts for line in text.splitlines())
    return " ".join(
        line if line.endswith((".", "!", "?")) else f"{line}." for line in lines if line
    )


class Interrupted(Exception):
    """The agent is shutting down; the operation goes on from its journal at the next start."""


def from_os_error(error: OSError, doing: str) -> OperationFailed:
    """Explain a failed system call.

    Args:
        error: what the kernel said.
        doing: what was tried, to complete "Cannot ...", for example "copy /var/x".
    """
    where = f": {displayed(error.filename)}" if error.filename else ""
    evidence = f"Cannot {doing}: {error.strerror or error}{where}"
    if error.errno in _NO_SPACE:
        return OperationFailed(
            Cause.NO_SPACE, evidence, "Free space there, and create the resource anew"
        )
    if error.errno == errno.EROFS:
        return OperationFailed(
            Cause.PERMISSION_DENIED,
            evidence,
            "Remount it for writing; if the agent runs in a container, mount a directory above it"
            " into that, writable (the chart: agent.hostPaths)",
        )
    if error.errno in _DENIED:
        return OperationFailed(
            Cause.PERMISSION_DENIED,
            evidence,
            "Run the agent as root, and let it write to its directories",
        )
    return OperationFailed(
        Cause.UNKNOWN, evidence, "Look at this file system on the host: `df`, `dmesg`"
    )


def displayed(path: str | bytes | os.PathLike[str] | int) -> str:
    """Return a path in a form that is safe in a message, whatever bytes it consists of."""
    if isinstance(path, int):
        return f"file descriptor {path}"
    return os.fsencode(path).decode("utf-8", "backslashreplace")
