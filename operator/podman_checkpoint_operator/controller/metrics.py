"""What the controller sees and does, by the names that Prometheus knows it by."""

from __future__ import annotations

import platform
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)

from ..agent.metrics_server import exposed
from ..api.names import CHECKPOINTS, HOSTS, RESTORES
from ..api.reasons import Reason
from ..decisions.fleet import HostState
from .authorizer import Decision
from .fleet import View

PREFIX: Final = "podman_checkpoint_controller"

_OPERATIONS: Final = (CHECKPOINTS.kind, RESTORES.kind)
_MARKS: Final = (
    (HOSTS.kind, Reason.HEARTBEAT_LOST),
    *((kind, Reason.HEARTBEAT_LOST) for kind in _OPERATIONS),
    *((kind, Reason.HOST_UNKNOWN) for kind in _OPERATIONS),
)


class Metrics:
    """The metrics of the controller; an observer of its fleet and of its authorizer."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._view: View | None = None

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", text, labels, registry=registry)

        self._sees = gauge(
            "sees_fleet",
            "1 while the controller has read the heartbeats for as long as one holds; until then,"
            " and when it cannot, it marks nothing, and the next three are not there.",
        )
        self._hosts = gauge(
            "hosts", "PodmanHosts by how they are: Ready, NotReady, Lost, Unknown.", "state"
        )
        self._ages = gauge(
            "heartbeat_age_seconds",
            "How long ago each PodmanHost was heard of, by the API server's clock; over 40 it is"
            " lost.",
            "host",
        )
        self._stranded = gauge(
            "stranded_resources",
            "Unfinished resources that nobody acts on, since their host is lost or unknown.",
            "kind",
            "reason",
        )
        self._marks = counter(
            "marked_total", "Hosts and resources that were marked.", "kind", "reason"
        )
        self._given_up = counter(
            "deletions_given_up_total",
            "Deletions that were ended for a lost host; archives may be left.",
            "kind",
        )
        self._looks = counter(
            "looks_total",
            "Looks at the whole fleet; those fail in which the API server is out of reach or"
            " refuses.",
            "result",
        )
        self._decisions = counter(
            "authorizer_decisions_total",
            "What the API server was told of agents that want to read: denied, no_opinion, failed"
            " (denied, since it could not be looked up), malformed (no question).",
            "decision",
        )
        gauge(
            "build_info", "1, with the controller's versions.", "version", "python_version"
        ).labels(version, platform.python_version()).set(1)
        for kind, reason in _MARKS:
            self._marks.labels(kind, str(reason))
        for kind in _OPERATIONS:
            self._given_up.labels(kind)
        for result in ("succeeded", "failed"):
            self._looks.labels(result)
        for decision in Decision:
            self._decisions.labels(str(decision))

    def looked(self, view: View | None) -> None:
        """Take what was seen."""
        self._looks.labels("succeeded").inc()
        self._view = view

    def failed(self) -> None:
        """Forget what was seen: it may be otherwise."""
        self._looks.labels("failed").inc()
        self._view = None

    def marked(self, kind: str, reason: Reason) -> None:
        """Count a mark."""
        self._marks.labels(kind, str(reason)).inc()

    def given_up(self, kind: str) -> None:
        """Count a deletion that was ended."""
        self._given_up.labels(kind).inc()

    def decided(self, decision: Decision) -> None:
        """Count a decision of the authorizer."""
        self._decisions.labels(str(decision)).inc()

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in a format that is asked for, and its content type."""
        view = self._view
        self._sees.set(view is not None)
        for each in (self._hosts, self._ages, self._stranded):
            each.clear()
        if view is not None:
            for state in HostState:
                self._hosts.labels(str(state)).set(view.hosts.get(state, 0))
            for host, age in view.heartbeat_ages.items():
                self._ages.labels(host).set(age)
            for kind, reason in _MARKS[1:]:
                count = view.stranded.get((kind, reason), 0)
                self._stranded.labels(kind, str(reason)).set(count)
        return exposed(self._registry, accept)
