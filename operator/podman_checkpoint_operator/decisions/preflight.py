"""Look before you freeze: what can be known to fail is found before the container is touched.

Each function judges facts and returns its checks in a fixed order, passed ones too, for
``status.preflight``. The first failed one explains why the operation was not begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..api.reasons import Cause
from ..api.remedies import in_drain
from .failures import OperationFailed, sentences

Result = Literal["Pass", "Warn", "Fail"]


@dataclass(frozen=True)
class Check:
    """One finding; ``cause`` and ``remedy`` are set where it is not a pass."""

    name: str
    result: Result
    message: str
    cause: Cause = Cause.UNKNOWN
    remedy: str = ""

    def as_status(self) -> dict[str, str]:
        """The entry of ``status.preflight``."""
        message = self.explanation if self.remedy else self.message
        return {"check": self.name, "result": self.result, "message": message}

    @property
    def explanation(self) -> str:
        """What was found and what to do about it, in sentences."""
        return sentences(self.message, self.remedy)

    @property
    def failure(self) -> OperationFailed:
        """How an operation ends that this stands in the way of."""
        return OperationFailed(self.cause, self.message, self.remedy)

    def in_drain(self, kind: str) -> Check:
        """Return the same of a resource of a kind that a drain has made."""
        return replace(self, remedy=in_drain(self.remedy, kind))


def passed(name: str, message: str) -> Check:
    """Nothing stands in the way."""
    return Check(name, "Pass", message)


def warned(name: str, message: str, remedy: str) -> Check:
    """The operation goes on; the user should know."""
    return Check(name, "Warn", message, remedy=remedy)


def failed(name: str, message: str, cause: Cause, remedy: str) -> Check:
    """The operation would fail or lose something."""
    return Check(name, "Fail", message, cause, remedy)


def require(checks: Iterable[Check]) -> None:
    """Raise for the first failed check.

    Raises:
        OperationFailed: with the check's cause, message and remedy.
    """
    for check in checks:
        if check.result == "Fail":
            raise check.failure


def listed(items: Iterable[object], *, most: int = 3) -> str:
    """``a, b, c and 4 more``: enough to act on, in one line."""
    words = [str(item) for item in items]
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def size(count: int) -> str:
    """Bytes for people, in binary units."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def summary(checks: Sequence[Check]) -> str:
    """Say of checks that passed how many there are, and which of them warn."""
    warnings = [check.name for check in checks if check.result == "Warn"]
    warned = f" but see {', '.join(warnings)} in status.preflight" if warnings else ""
    return f"{len(checks)} checks, nothing stands in the way{warned}"
