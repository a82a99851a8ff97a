"""Which resources of earlier drains are not needed any more.

They hold no state: that is in the bundle of a container. What is kept back is whatever may still be
asked for it, and what somebody has yet to deal with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ...api.host import DrainState, DrainStatus
from ...api.names import CHECKPOINTS, RESTORES, Resource
from .objects import Made
from .view import Key, View

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ENDED: Final = frozenset({DrainState.RESTORED, DrainState.GONE})


class Superfluous(NamedTuple):
    """A resource that is to be deleted, as it was when that was found."""

    resource: Resource
    namespace: str
    name: str
    uid: str


class _Run(NamedTuple):
    """What a drain has made for one run of a container; either may have been deleted."""

    key: Key
    checkpoint: Made | None
    restore: Made | None

    @property
    def made(self) -> list[Made]:
        return [each for each in (self.restore, self.checkpoint) if each]

    @property
    def under_way(self) -> bool:
        return any(each.under_way for each in self.made)

    @property
    def failed(self) -> bool:
        return any(each.failed for each in self.made)

    @property
    def came_too_late(self) -> bool:
        return self.checkpoint is not None and self.checkpoint.came_too_late

    @property
    def ended_at(self) -> datetime:
        return max((each.ended_at or _NEVER for each in self.made), default=_NEVER)


def superfluous(view: View, drain: DrainStatus, *, limit: int) -> list[Superfluous]:
    """Return what is to be deleted, in this order: a restore before the checkpoint that it names.

    Args:
        view: what there is.
        drain: as it has been told.
        limit: how many runs of each container are kept.
    """
    asked_for = {
        (each.namespace, each.checkpoint) for each in drain.containers if each.state not in _ENDED
    }
    of_drain = {each.id for each in drain.containers}
    runs: dict[str, list[_Run]] = defaultdict(list)
    for key in {*view.checkpoints, *view.restores}:
        run = _Run(key, view.checkpoints.get(key), view.restores.get(key))
        if container_id := next((each.container_id for each in run.made if each.container_id), ""):
            runs[container_id].append(run)
    found: list[Superfluous] = []
    for container_id, its_runs in runs.items():
        too_late = [each for each in its_runs if each.came_too_late and each.key not in asked_for]
        for each in too_late:
            found.extend(_resources(each))
        kept = [each for each in its_runs if each not in too_late]
        kept.sort(key=lambda each: each.ended_at, reverse=True)
        over = [
            each
            for index, each in enumerate(kept)
            if each.key not in asked_for and _is_over(view, container_id, each, kept[:index])
        ]
        forgotten = container_id not in view.containers and container_id not in of_drain
        for each in over[0 if forgotten else limit :]:
            found.extend(_resources(each))
    return found


def _is_over(view: View, container_id: str, run: _Run, later: Sequence[_Run]) -> bool:
    """Whether nothing can be done any more with what was saved, and nobody has to see to it."""
    if run.under_way:
        return False
    if container_id not in view.containers:
        return True
    if any(each.checkpoint and each.checkpoint.ready for each in later):
        return True  # it has run since
    if run.checkpoint and run.checkpoint.failed:
        return False
    return bool(run.restore and run.restore.ready) or view.is_alive(container_id)


def _resources(run: _Run) -> Iterator[Superfluous]:
    for resource, made in ((RESTORES, run.restore), (CHECKPOINTS, run.checkpoint)):
        if made and not made.deleted:
            yield Superfluous(resource, str(run.key[0]), str(run.key[1]), made.uid)
