"""The watch over the fleet: hosts whose agents are silent are marked, and their resources.

An agent tells of its own host. Nobody but a third can tell that it does not any more. A controller
that could not reach the API server itself blames nobody until it has seen heartbeats for as long as
one holds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from ..api import conditions
from ..api.names import HOSTS
from ..decisions.fleet import Silence, is_abandoned, marked, silence_of, silences, tells_of
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


class Fleet:
    """All hosts, and the resources that wait for theirs, as the watches brought them."""

    def __init__(self, api: Api) -> None:
        self._api = api
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
            if self._sees_enough():
                self._mark(heartbeats)
        except StatusUnwritable as error:
            self._sees_since = None
            logger.warning("the fleet is out of sight", extra={"error": str(error)})

    def _sees_enough(self) -> bool:
        now = time.monotonic()
        if self._sees_since is None:
            self._sees_since = now
        return now - self._sees_since > LEASE_SECONDS

    def _mark(self, heartbeats: Heartbeats) -> None:
        hosts = list(self._hosts.values())
        lost = silences(hosts, heartbeats.last, heartbeats.now)
        for host in hosts:
            self._tell(host, lost.get(host["metadata"]["name"]))
        for resource in list(self._open.values()):
            if _is_deleted(resource):
                if is_abandoned(resource, self._hosts, lost, heartbeats.now):
                    self._release(resource)
            else:
                self._tell(resource, silence_of(resource, self._hosts, lost, heartbeats.now))

    def _tell(self, resource: Body, silence: Silence | None) -> None:
        before = _conditions(resource)
        if silence is None or tells_of(before, silence):
            return
        logger.info("marked", extra={"resource": _key(resource), "reason": str(silence.reason)})
        generation = resource["metadata"].get("generation", 1)
        after = marked(before, silence, generation=generation, now=datetime.now(UTC))
        self._api.conditions(resource, after, generation)

    def _release(self, resource: Body) -> None:
        status = resource.get("status") or {}
        left = (status.get("archive") or {}).get("uri", "nothing")
        logger.warning(
            "deletion given up: its host is gone", extra={"resource": _key(resource), "left": left}
        )
        self._api.release(resource)


def _key(resource: Body) -> str:
    metadata = resource["metadata"]
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    return f"{resource['kind']} {name}"


def _is_deleted(resource: Body) -> bool:
    """Whether its deletion was asked for, and waits for a finalizer."""
    return bool(resource["metadata"].get("deletionTimestamp"))


def _conditions(resource: Body) -> Iterable[Mapping[str, Any]]:
    return (resource.get("status") or {}).get("conditions") or ()
