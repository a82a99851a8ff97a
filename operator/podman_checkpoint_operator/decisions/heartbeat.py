"""Whether a host is still there, by its heartbeat and the API server's clock.

The time of a heartbeat is that of the API server's own record of the write, and it is compared with
the time that the API server gives in its answer: no clock of a host or of the controller counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

LEASE_SECONDS: Final = 40
"""How long a heartbeat holds; an agent gives four in this time."""


@dataclass(frozen=True)
class Heartbeat:
    """The last sign of life of one host."""

    host: str
    at: datetime

    def is_over(self, now: datetime) -> bool:
        """Whether the host counts as lost."""
        return now - self.at > timedelta(seconds=LEASE_SECONDS)


def heartbeat_of(lease: Mapping[str, Any]) -> Heartbeat:
    """Return the heartbeat that a Lease stands for."""
    metadata: Mapping[str, Any] = lease["metadata"]
    return Heartbeat(metadata["name"], max(_written(metadata)))


def _written(metadata: Mapping[str, Any]) -> Iterable[datetime]:
    yield datetime.fromisoformat(metadata["creationTimestamp"])
    for entry in metadata.get("managedFields") or ():
        if time := entry.get("time"):
            yield datetime.fromisoformat(time)
