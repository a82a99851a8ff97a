"""What is said of hosts that are gone, and what becomes of resources whose host is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from ..api import conditions
from ..api.common import ConditionStatus
from ..api.names import FINALIZER
from ..api.reasons import ConditionType, Reason
from .heartbeat import LEASE_SECONDS, Heartbeat
from .preflight import listed

_GRACE: Final = timedelta(seconds=LEASE_SECONDS)
"""How long an agent may take to register a host, or to see a resource."""
_GIVE_UP: Final = timedelta(hours=1)
"""How long a deletion waits for a silent host: longer than a reboot or an upgrade takes."""


class HostState(StrEnum):
    """How a host is, in one word."""

    READY = "Ready"
    NOT_READY = "NotReady"
    """Its agent says that it cannot do its work, and why."""
    LOST = "Lost"
    """Nothing is heard of its agent."""
    UNKNOWN = "Unknown"
    """Its agent has not told yet."""


@dataclass(frozen=True)
class Silence:
    """Why nobody acts on a host."""

    reason: Reason
    message: str


def silences(
    hosts: Iterable[Mapping[str, Any]], heartbeats: Iterable[Heartbeat], now: datetime
) -> dict[str, Silence]:
    """Return the hosts that are lost, by name.

    Args:
        hosts: all PodmanHosts.
        heartbeats: the last one of each host.
        now: by the API server's clock.
    """
    last = {each.host: each for each in heartbeats}
    lost = {}
    for host in hosts:
        metadata = host["metadata"]
        heartbeat = last.get(metadata["name"])
        if heartbeat is None:
            if now - datetime.fromisoformat(metadata["creationTimestamp"]) > _GRACE:
                lost[metadata["name"]] = _unheard(metadata["name"])
        elif heartbeat.is_over(now):
            lost[metadata["name"]] = _unheard_since(heartbeat)
    return lost


def state_of(host: Mapping[str, Any], lost: Mapping[str, Silence]) -> HostState:
    """Return how a host is.

    Args:
        host: its PodmanHost.
        lost: the hosts that are gone.
    """
    if host["metadata"]["name"] in lost:
        return HostState.LOST
    told = (host.get("status") or {}).get("conditions") or ()
    ready = conditions.find_condition(told, ConditionType.READY) or {}
    states = {ConditionStatus.TRUE: HostState.READY, ConditionStatus.FALSE: HostState.NOT_READY}
    return states.get(ready.get("status", ""), HostState.UNKNOWN)


def heartbeat_ages(
    hosts: Iterable[Mapping[str, Any]], heartbeats: Iterable[Heartbeat], now: datetime
) -> dict[str, float]:
    """Return how many seconds ago each host was heard of, or else registered."""
    last = {each.host: each.at for each in heartbeats}
    ages = {}
    for host in hosts:
        metadata = host["metadata"]
        name = str(metadata["name"])
        heard = last.get(name) or datetime.fromisoformat(metadata["creationTimestamp"])
        ages[name] = (now - heard).total_seconds()
    return ages


def silence_of(
    resource: Mapping[str, Any],
    known: Iterable[str],
    lost: Mapping[str, Silence],
    now: datetime,
) -> Silence | None:
    """Return why nobody acts on a resource that has not ended; None where somebody does.

    Args:
        resource: a ContainerCheckpoint or ContainerRestore.
        known: the names of all hosts that have registered.
        lost: those of them that are gone.
        now: by the API server's clock.
    """
    host = str(resource["spec"]["nodeName"])
    if silence := lost.get(host):
        return silence
    age = now - datetime.fromisoformat(resource["metadata"]["creationTimestamp"])
    names = sorted(known)
    if host in names or age <= _GRACE:
        return None
    return Silence(
        Reason.HOST_UNKNOWN,
        f"No agent has registered a host {host}; there {_are(names)}. Correct spec.nodeName in a"
        " new resource, or start the agent on that host: this one begins then",
    )


def is_abandoned(
    resource: Mapping[str, Any],
    known: Iterable[str],
    lost: Mapping[str, Silence],
    now: datetime,
) -> bool:
    """Whether a resource that is being deleted waits for an agent that is not coming back.

    A host whose PodmanHost was deleted, and whose agent has not registered it again, is given up at
    once; one that is only silent gets time to come back and to delete the archive.

    Args:
        resource: a ContainerCheckpoint or ContainerRestore.
        known: the names of all hosts that have registered.
        lost: those of them that are gone.
        now: by the API server's clock.
    """
    metadata: Mapping[str, Any] = resource["metadata"]
    if FINALIZER not in (metadata.get("finalizers") or ()):
        return False
    host = str(resource["spec"]["nodeName"])
    waits = now - datetime.fromisoformat(metadata["deletionTimestamp"])
    if host in lost:
        return waits > _GIVE_UP
    return host not in set(known) and waits > _GRACE


def marked(
    before: Iterable[Mapping[str, Any]], silence: Silence, *, generation: int, now: datetime
) -> conditions.ConditionList:
    """Return conditions that tell of a silence."""
    return conditions.progressing(
        before, reason=silence.reason, message=silence.message, generation=generation, now=now
    )


def tells_of(conditions_: Iterable[Mapping[str, Any]], silence: Silence) -> bool:
    """Whether conditions tell of a silence already."""
    ready = conditions.find_condition(conditions_, ConditionType.READY)
    return ready is not None and (ready["status"], ready["reason"], ready["message"]) == (
        ConditionStatus.UNKNOWN,
        silence.reason,
        silence.message,
    )


def _are(names: list[str]) -> str:
    if not names:
        return "is none at all"
    return f"{'is' if len(names) == 1 else 'are'} {listed(names, most=8)}"


def _unheard(host: str) -> Silence:
    return Silence(
        Reason.HEARTBEAT_LOST,
        f"The agent of {host} has not been heard of. Start it there: systemctl status"
        " podman-checkpoint-agent, or the agent's Pod on the node",
    )


def _unheard_since(heartbeat: Heartbeat) -> Silence:
    return Silence(
        Reason.HEARTBEAT_LOST,
        f"The agent of {heartbeat.host} has not been heard of since"
        f" {conditions.timestamp(heartbeat.at)}. Look whether the host runs and reaches the API"
        " server; what the agent had begun goes on when it is back",
    )
