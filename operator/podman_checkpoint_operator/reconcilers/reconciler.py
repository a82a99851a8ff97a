"""What carries out one kind of resource."""

from __future__ import annotations

from typing import Protocol

from .operation import Operation
from .resource import Resource


class Reconciler(Protocol):
    """Carries out one kind of resource."""

    def identify(self, resource: Resource) -> str:
        """Return what two operations must not touch at once."""

    def run(self, operation: Operation) -> None:
        """Carry out an operation."""

    def abandon(self, operation: Operation) -> None:
        """Clean up after an operation whose resource was deleted while no agent was there."""

    def discard(self, resource: Resource) -> None:
        """Do what the deletion of a resource asks for."""
