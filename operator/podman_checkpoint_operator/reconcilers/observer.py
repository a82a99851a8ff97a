"""Who counts operations, and how many of them a host has at this moment.

An operation is counted when its users have been told how it ended and its journal entry is gone,
so that one that outlives agents is counted by the last of them, and by no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from .journal import Journal, Step
from .resource import Resource


class Observer(Protocol):
    """Hears of each operation once, when it is over."""

    def ended(self, kind: str, status: Mapping[str, Any], seconds: float) -> None:
        """Count an operation that ended, well or not.

        Args:
            kind: of its resource.
            status: as its users see it.
            seconds: from when the agent first saw the resource to the end.
        """

    def abandoned(self, kind: str) -> None:
        """Count an operation that came to no end, since its resource was deleted."""

    def seen(self, kind: str, status: Mapping[str, Any]) -> None:
        """Hear of an operation that was over, and counted, before this agent started."""


def took(status: Mapping[str, Any]) -> float:
    """Return how many seconds an operation took by its final status, which knows whole ones."""
    began, ended = (status.get(name) for name in ("startTime", "completionTime"))
    if not began or not ended:
        return 0.0
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


class Ends:
    """Forgets operations that are over, and has each counted once."""

    def __init__(self, journal: Journal, observer: Observer) -> None:
        self._journal = journal
        self._observer = observer

    def told(
        self,
        resource: Resource,
        status: Mapping[str, Any],
        seconds: float | None = None,
        *,
        forget: bool = True,
    ) -> None:
        """Forget one whose end its users know, by the status that they see.

        Args:
            resource: whose operation it is.
            status: as its users see it.
            seconds: that it took; by its status, unless given.
            forget: false if something of it is still to be cleaned up.
        """
        seconds = took(status) if seconds is None else seconds
        if forget:
            self._journal.remove(resource.uid)
        self._observer.ended(resource.kind, status, seconds)

    def finished(self, resource: Resource) -> None:
        """Forget one that ended before; an earlier agent may have told it and come no further."""
        entry = self._journal.read(resource.uid)
        if entry is None or entry.given_up:
            self._observer.seen(resource.kind, resource.status)
        else:
            self.told(resource, resource.status)

    def deleted(self, resource: Resource) -> None:
        """Forget one that is cleaned up: its resource was deleted, or it was given up.

        It may have ended all the same.
        """
        entry = self._journal.read(resource.uid)
        if entry is not None and entry.step is Step.FINISHED:
            self.told(resource, entry.status)
        else:
            self._journal.remove(resource.uid)
            if entry is None or not entry.given_up:
                self._observer.abandoned(resource.kind)


class Load:
    """How many operations of each kind wait, and how many are at work.

    For one thread: the one that runs the queue.
    """

    def __init__(self) -> None:
        self.waiting: Counter[str] = Counter()
        self.at_work: Counter[str] = Counter()

    @contextmanager
    def under_way(self, kind: str) -> Iterator[None]:
        """Count an operation as one that waits, but for the time that it is :meth:`working`."""
        self.waiting[kind] += 1
        try:
            yield
        finally:
            self.waiting[kind] -= 1

    @contextmanager
    def working(self, kind: str) -> Iterator[None]:
        """Count an operation that is under way as one that is at work."""
        self.waiting[kind] -= 1
        self.at_work[kind] += 1
        try:
            yield
        finally:
            self.at_work[kind] -= 1
            self.waiting[kind] += 1
