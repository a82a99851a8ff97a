"""The watch over the fleet: hosts whose agents are silent are marked, and their resources.

An agent tells of its own host. Nobody but a third can tell that it does not any more. A controller
that could not reach the API server itself blames nobody until it has seen heartbeats for as long as
one holds.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ..api import conditions
from ..api.names import HOSTS
from ..api.reasons import Reason
from ..decisions.fleet import (
    HostState,
    Silence,
    heartbeat_ages,
    is_abandoned,
    marked,
    silence_of,
    silences,
    state_of,
    tells_of,
)
from ..decisions.heartbeat import LEASE_SECONDS
from ..reconcilers.resource import StatusUnwritable
from .api_server import Heartbeats

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]


class Api(Protocol):
    """What the controller needs of the API server."""

    def heartbeats(self) -> Heartbeats:
        """Return all hosts' last heartbeats; raises StatusUnwritable."""

    def conditions(self, resource: Body, conditions: list[dict[str, Any]], generation: int) -> None:
        """Write conditions, unless the resource has changed; raises StatusUnwritable."""

    def release(self, resource: Body) -> None:
        """Let a resource go whose agent is gone, unless it has changed; raises StatusUnwritable."""


@dataclass(frozen=True)
class View:
    """The fleet as it was seen once."""

    hosts: Mapping[HostState, int]
    heartbeat_ages: Mapping[str, float]
    """In seconds, by host."""
    stranded: Mapping[tuple[str, Reason], int]
    """Unfinished resources that nobody acts on, by kind and why."""


class Observer(Protocol):
    """Is told what the controller sees and does."""

    def looked(self, view: View | None) -> None:
        """The API server has answered; None until it has for as long as a heartbeat holds."""

    def failed(self) -> None:
        """The API server is out of reach, or refuses."""

    def marked(self, kind: str, reason: Reason) -> None:
        """A host or resource was marked."""

    def given_up(self, kind: str) -> None:
        """A deletion that waited for a lost host was ended."""


class Fleet:
    """All hosts, and the resources that wait for theirs, as the watches brought them."""

    def __init__(self, api: Api, observer: Observer) -> None:
        self._api = api
        self._observer = observer
        self._hosts: dict[str, Body] = {}
        self._open: dict[str, Body] = {}
        self._sees_since: float | None = None

    def seen(self, body: Body, *, deleted: bool) -> None:
        """Take note of a resource as it is."""
        metadata = body["metadata"]
        if body["kind"] == HOSTS.kind:
            known, key, wanted = self._hosts, metadata["name"], True
        else:
            known, key = self._open, metadata["uid"]
            wanted = _is_deleted(body) or not conditions.have_ended(_conditions(body))
        if wanted and not deleted:
            known[key] = body
        else:
            known.pop(key, None)

    def look(self) -> None:
        """Mark what is silent; to be called again and again."""
        try:
            heartbeats = self._api.heartbeats()
            self._observer.looked(self._mark(heartbeats) if self._sees_enough() else None)
        except StatusUnwritable as error:
            self._sees_since = None
            self._observer.failed()
            logger.warning("the fleet is out of sight", extra={"error": str(error)})

    def _sees_enough(self) -> bool:
        now = time.monotonic()
        if self._sees_since is None:
            self._sees_since = now
        return now - self._sees_since > LEASE_SECONDS

    def _mark(self, heartbeats: Heartbeats) -> View:
        hosts = list(self._hosts.values())
        now = heartbeats.now
        lost = silences(hosts, heartbeats.last, now)
        stranded: Counter[tuple[str, Reason]] = Counter()
        for host in hosts:
            if silence := lost.get(host["metadata"]["name"]):
                self._tell(host, silence)
        for resource in list(self._open.values()):
            if _is_deleted(resource):
                if is_abandoned(resource, self._hosts, lost, now):
                    self._release(resource)
            elif silence := silence_of(resource, self._hosts, lost, now):
                stranded[resource["kind"], silence.reason] += 1
                self._tell(resource, silence)
        return View(
            hosts=Counter(state_of(host, lost) for host in hosts),
            heartbeat_ages=heartbeat_ages(hosts, heartbeats.last, now),
            stranded=stranded,
        )

    def _tell(self, resource: Body, silence: Silence) -> None:
        before = _conditions(resource)
        if tells_of(before, silence):
            return
        logger.info("marked", extra={"resource": _key(resource), "reason": str(silence.reason)})
        generation = resource["metadata"].get("generation", 1)
        after = marked(before, silence, generation=generation, now=datetime.now(UTC))
        self._api.conditions(resource, after, generation)
        self._observer.marked(resource["kind"], silence.reason)

    def _release(self, resource: Body) -> None:
        status = resource.get("status") or {}
        left = (status.get("archive") or {}).get("uri", "nothing")
        logger.warning(
            "deletion given up: its host is gone", extra={"resource": _key(resource), "left": left}
        )
        self._api.release(resource)
        self._observer.given_up(resource["kind"])


def _key(resource: Body) -> str:
    metadata = resource["metadata"]
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    return f"{resource['kind']} {name}"


def _is_deleted(resource: Body) -> bool:
    """Whether its deletion was asked for, and waits for a finalizer."""
    return bool(resource["metadata"].get("deletionTimestamp"))


def _conditions(resource: Body) -> Iterable[Mapping[str, Any]]:
    return (resource.get("status") or {}).get("conditions") or ()
