"""What an explained failure consists of: the result of :mod:`.catalogue`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .secrecy import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..api.reasons import Cause

MAX_EVIDENCE: Final = 1000
"""Characters; a status is read with ``kubectl describe`` and stored in etcd."""

_MAX_LINE: Final = 600


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Why an operation failed, as written to ``status.diagnosis``.

    Attributes:
        cause: from the fixed vocabulary.
        evidence: the words of CRIU, the runtime or Podman, at most :data:`MAX_EVIDENCE` characters.
        remedy: what to set or do so that the next try succeeds.
        transient: the same operation may succeed when it is tried again without any change.
        entry: name of the catalogue's row that has recognised it; empty if none did.
    """

    cause: Cause
    evidence: str
    remedy: str
    transient: bool = False
    entry: str = ""


def evidence(lines: Iterable[str]) -> str:
    """Join lines to an evidence of bounded length; the first lines are the ones that matter."""
    shown = (shorten(without_secrets(line), _MAX_LINE) for line in lines)
    return shorten("\n".join(shown), MAX_EVIDENCE)


def shorten(text: str, length: int) -> str:
    """Cut the middle out of a text that is too long: both ends of a path or a message tell most."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[head + 1 - length :]}"
