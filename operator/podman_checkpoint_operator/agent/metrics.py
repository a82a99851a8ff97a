"""What the agent counts and measures, by the names that Prometheus knows them by.

Nothing here carries a container's or resource's name: a label's values stay few. Every value that a
counter's labels can have is there from the start, so that the first failure is an increase, too.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from ..api.common import ConditionStatus
from ..api.host import DrainState
from ..api.names import CHECKPOINTS, RESTORES
from ..api.reasons import Cause, Reason
from ..decisions.drain.host import drained
from ..reconcilers.observer import Load
from .metrics_server import exposed

PREFIX: Final = "podman_checkpoint"
KINDS: Final = (CHECKPOINTS.kind, RESTORES.kind)
STORE: Final = "default"
DRAIN_REASONS: Final = (
    Reason.NOT_DRAINING,
    Reason.DRAINING,
    Reason.CANNOT_DRAIN,
    Reason.DRAINED,
    Reason.RESTORING,
    Reason.RESTORE_FAILED,
)
"""All that the condition ``Drained`` can have."""

_DURATIONS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_PAUSES: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SIZES: Final = tuple(2**power for power in range(20, 41, 2))
"""1 MiB to 1 TiB."""


@dataclass(frozen=True)
class Sample:
    """What is looked at for each scrape."""

    podman_reachable: bool
    store: tuple[int, int] | None
    """Bytes of the store's file system, and how many of them are available; None when the store
    cannot be used."""


class Metrics:
    """The metrics of one agent; an observer of its operations and of the host's drains."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._lock = threading.Lock()
        self._last_success: dict[str, float] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            full = f"{PREFIX}_{name}"
            return Histogram(full, text, labels, registry=registry, buckets=buckets)

        self._operations = counter(
            "operations_total",
            "Operations that are over: succeeded, failed, or abandoned since their resource was"
            " deleted.",
            "kind",
            "result",
        )
        self._failures = counter(
            "failures_total", "Operations that failed, by cause (see docs/reasons.md).", "cause"
        )
        self._durations = histogram(
            "operation_duration_seconds",
            "From when the agent saw a resource to the end of its operation, waiting included; of"
            " those that succeeded.",
            _DURATIONS,
            "kind",
        )
        self._pauses = histogram(
            "pause_seconds",
            "How long containers were held still by checkpoints after which they went on.",
            _PAUSES,
        )
        self._sizes = histogram("archive_bytes", "Sizes of the archives that were stored.", _SIZES)
        self._limits = counter(
            "ghost_limit_changes_total",
            "How often the agent wrote another ghost limit into a configuration file of CRIU's.",
        )
        self._successes = gauge(
            "last_success_timestamp_seconds",
            "When the last operation succeeded, of those whose resources still exist or whose end"
            " this agent has seen.",
            "kind",
        )
        self._at_work = gauge("operations_in_progress", "Operations that are at work.", "kind")
        self._waiting = gauge(
            "operations_waiting",
            "Operations that wait: for others, for Podman, for a checkpoint, for the API server.",
            "kind",
        )
        self._drain = gauge(
            "drain",
            "1 for the reason that the host's condition Drained has (see docs/drain.md), else 0.",
            "reason",
        )
        self._drained = gauge(
            "drain_containers", "Containers of the host's last drain, by their state.", "state"
        )
        self._drains = counter(
            "drains_total",
            "Drains that are over, since the host was made schedulable again: drained, or cancelled"
            " before all containers were saved.",
            "result",
        )
        self._drain_seconds = gauge(
            "drain_duration_seconds",
            "From the beginning of the last drain to when its containers were saved; 0 until this"
            " agent has seen the host drained.",
        )
        self._podman = gauge("podman_reachable", "Whether Podman's service answers.")
        self._usable = gauge("store_usable", "Whether archives can be written.", "store")
        self._capacity = gauge(
            "store_capacity_bytes", "Size of the file system that archives are on.", "store"
        )
        self._available = gauge(
            "store_available_bytes", "What of it is available to the agent.", "store"
        )
        gauge("build_info", "1, with the agent's versions.", "version", "python_version").labels(
            version, platform.python_version()
        ).set(1)
        for kind in KINDS:
            self._durations.labels(kind)
            for result in ("succeeded", "failed", "abandoned"):
                self._operations.labels(kind, result)
        for cause in Cause:
            self._failures.labels(str(cause))
        for result in ("drained", "cancelled"):
            self._drains.labels(result)
        self.drain_seen({})

    def ended(self, kind: str, status: Mapping[str, Any], seconds: float) -> None:
        """Count an operation that ended, by its final status."""
        if cause := (status.get("diagnosis") or {}).get("cause"):
            self._operations.labels(kind, "failed").inc()
            self._failures.labels(cause).inc()
        else:
            self._operations.labels(kind, "succeeded").inc()
            self._durations.labels(kind).observe(seconds)
        self.seen(kind, status)
        if paused := (status.get("statistics") or {}).get("pausedMicroseconds"):
            self._pauses.observe(paused / 1e6)
        if archive := status.get("archive"):
            self._sizes.observe(archive["sizeBytes"])

    def abandoned(self, kind: str) -> None:
        """Count an operation whose resource was deleted before its end."""
        self._operations.labels(kind, "abandoned").inc()

    def seen(self, kind: str, status: Mapping[str, Any]) -> None:
        """Take the time of a success; it may be an earlier agent's."""
        ended = status.get("completionTime")
        if ended and not status.get("diagnosis"):
            moment = datetime.fromisoformat(ended).timestamp()
            with self._lock:
                if moment > self._last_success.get(kind, 0.0):
                    self._last_success[kind] = moment
                    self._successes.labels(kind).set(moment)

    def ghost_limit_changed(self) -> None:
        """Count a change of a ghost limit."""
        self._limits.inc()

    def drain_seen(self, host: Mapping[str, Any]) -> None:
        """Take how a host is, by its PodmanHost."""
        condition = drained(host) or {}
        # As it is: a newer agent may have told of states that are not known here.
        drain = (host.get("status") or {}).get("drain") or {}
        for reason in DRAIN_REASONS:
            self._drain.labels(reason).set(condition.get("reason", Reason.NOT_DRAINING) == reason)
        states = [each["state"] for each in drain.get("containers") or ()]
        for state in DrainState:
            self._drained.labels(state).set(states.count(state))
        if drain and condition.get("status") == ConditionStatus.TRUE:
            began = datetime.fromisoformat(drain["startTime"])
            ended = datetime.fromisoformat(condition["lastTransitionTime"])
            self._drain_seconds.set((ended - began).total_seconds())

    def drain_ended(self, *, well: bool) -> None:
        """Count a drain that is over."""
        self._drains.labels("drained" if well else "cancelled").inc()

    def render(self, accept: str, load: Load, sample: Sample) -> tuple[bytes, str]:
        """Return all metrics in a format that is asked for, and its content type."""
        for kind in KINDS:
            self._at_work.labels(kind).set(load.at_work[kind])
            self._waiting.labels(kind).set(load.waiting[kind])
        self._podman.set(sample.podman_reachable)
        self._usable.labels(STORE).set(sample.store is not None)
        if sample.store is None:
            self._capacity.clear()
            self._available.clear()
        else:
            capacity, available = sample.store
            self._capacity.labels(STORE).set(capacity)
            self._available.labels(STORE).set(available)
        return exposed(self._registry, accept)
