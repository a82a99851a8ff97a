"""How others hear of a drain beside its status: events, and what is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..api.common import ConditionStatus
from ..api.names import HOSTS
from ..decisions.drain.host import drained, told
from ..decisions.drain.news import news
from .registration import Registration
from .resource import Events, Resource


class DrainObserver(Protocol):
    """Hears of the drains of a host."""

    def drain_seen(self, host: Mapping[str, Any]) -> None:
        """Hear how a host is; an earlier agent may have brought it there."""

    def drain_ended(self, *, well: bool) -> None:
        """Count a drain that is over: containers are restored from here on.

        Args:
            well: all containers had been saved.
        """


class Told:
    """Writes what a drain tells, and has others hear of it when it is written."""

    def __init__(self, registration: Registration, events: Events, observer: DrainObserver) -> None:
        self._registration = registration
        self._events = events
        self._observer = observer

    def seen(self, host: Mapping[str, Any]) -> None:
        """Take note of the PodmanHost as the API server has it."""
        self._observer.drain_seen(host)

    def tell(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> None:
        """Write a part of the status, as :meth:`.Registration.tell`; then tell of it."""
        written: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []

        def noted(before: Mapping[str, Any]) -> Mapping[str, Any] | None:
            status = change(before)
            if status is not None:
                merged = {**(before.get("status") or {}), **status}
                written.append((before, {**before, "status": merged}))
            return status

        self._registration.tell(noted)
        for before, after in written:
            self._announce(before, after)

    def _announce(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        was, now = told(before), told(after)
        if was and now and now.undrain_time and not was.undrain_time:
            condition = drained(before) or {}
            self._observer.drain_ended(well=condition.get("status") == ConditionStatus.TRUE)
        for each in news(before, after):
            self._events.event(_resource(after), each.severity, each.reason, each.message)


def _resource(host: Mapping[str, Any]) -> Resource:
    metadata = host["metadata"]
    return Resource(
        kind=HOSTS.kind,
        namespace="",
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=host.get("spec") or {},
    )
