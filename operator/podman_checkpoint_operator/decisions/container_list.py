"""What Podman's list tells of each container, without an inspection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .facts import State


@dataclass(frozen=True)
class ListedContainer:
    """A container in Podman's list, running or not."""

    id: str
    name: str
    labels: Mapping[str, str]
    state: State
    started_at: datetime
    """In whole seconds; restores leave it as it is."""
    pod: str = ""
    """The ID of its pod, empty if it is in none."""

    @property
    def alive(self) -> bool:
        """Whether it has processes."""
        return self.state in (State.RUNNING, State.PAUSED)
