"""What has happened in a drain from one status of its host to the next.

Whoever writes the status tells it, once. So it is told neither by looking again nor by another
agent that goes on from the status.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from ...api.host import DrainedContainer, DrainState, DrainStatus
from ...api.reasons import Reason
from .host import drained, told

_BAD: Final = frozenset({Reason.CANNOT_DRAIN, Reason.RESTORE_FAILED})
_FAILED: Final = frozenset({DrainState.FAILED, DrainState.RESTORE_FAILED})
_TOLD: Final = _FAILED | {DrainState.SAFE, DrainState.GONE, DrainState.RESTORED}


class News(NamedTuple):
    """Something that has happened, in the terms of an event."""

    severity: Literal["Normal", "Warning"]
    reason: str
    message: str


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[News]:
    """Yield what has happened between two states of a PodmanHost."""
    yield from _of_containers(told(before), told(after))
    old, new = ((drained(each) or {}) for each in (before, after))
    reason = new.get("reason", Reason.NOT_DRAINING)
    if reason != old.get("reason", Reason.NOT_DRAINING):
        yield News("Warning" if reason in _BAD else "Normal", reason, new["message"])


def _of_containers(before: DrainStatus | None, after: DrainStatus | None) -> Iterator[News]:
    known = {each.id: each for each in before.containers} if before else {}
    for record in after.containers if after else ():
        old = known.get(record.id)
        if record.state in _TOLD and (old is None or _differs(old, record)):
            yield _said(record)


def _differs(old: DrainedContainer, new: DrainedContainer) -> bool:
    """Whether something has happened to a container; that it waits for others is no news."""
    fails_otherwise = new.state in _FAILED and old.reason != new.reason
    return fails_otherwise or (old.state, old.checkpoint) != (new.state, new.checkpoint)


def _said(record: DrainedContainer) -> News:
    if record.state is DrainState.SAFE:
        return News("Normal", Reason.CHECKPOINTED, f"Container {record.name} is safe")
    reason = record.reason or str(record.state)
    if record.state in _FAILED:
        return News("Warning", reason, f"{record.name}: {record.message or reason}")
    return News("Normal", reason, record.message or f"{record.name}: {record.state}")
