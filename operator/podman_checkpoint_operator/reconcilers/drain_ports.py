"""What a drain needs of the world beside Podman."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .drain_history import Bin


class Refusal(Exception):
    """The API server will not have a resource that a drain needs."""


class Board(Bin, Protocol):
    """What a drain has made at the API server. Every method may raise StatusUnwritable."""

    def checkpoints(self) -> list[Mapping[str, Any]]:
        """Return the ContainerCheckpoints of drains of this host."""

    def restores(self) -> list[Mapping[str, Any]]:
        """Return the ContainerRestores of drains of this host."""

    def make(self, manifest: Mapping[str, Any]) -> None:
        """Create a resource, unless there is one of that name.

        Raises:
            Refusal: the API server will not have it.
        """

    def is_cordoned(self) -> bool:
        """Whether the cluster has a Node of the host's name that is cordoned."""


class Hosts(Protocol):
    """Where the PodmanHost is."""

    def current(self) -> Mapping[str, Any]:
        """Return the PodmanHost as it is now; may raise StatusUnwritable."""


class Teller(Protocol):
    """Where a drain tells of itself: see :class:`.drain_told.Told`."""

    def seen(self, host: Mapping[str, Any]) -> None:
        """Take note of the PodmanHost as the API server has it."""

    def tell(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> None:
        """Write a part of the status; may raise StatusUnwritable."""
