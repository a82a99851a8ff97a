"""What a drain tells the shutdown that has asked for it."""

from __future__ import annotations

from ...api.host import DrainState, DrainStatus
from ..shutdown import Answer

_SAFE = (DrainState.SAFE, DrainState.RESTORE_FAILED)
_BUSY = (DrainState.PENDING, DrainState.CHECKPOINTING, DrainState.RESTORING)


def answer_of(drain: DrainStatus | None) -> Answer:
    """Return how far a drain is, after a step that began all that could begin."""
    records = drain.containers if drain else ()
    return Answer(
        safe=tuple(each.name for each in records if each.state in _SAFE),
        waiting=tuple(each.name for each in records if each.state in _BUSY),
        lost={
            each.name: each.message or each.reason or ""
            for each in records
            if each.state is DrainState.FAILED
        },
    )
