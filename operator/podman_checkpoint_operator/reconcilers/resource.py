"""The resource that an operation is of, and how its users hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..api import conditions
from ..api.names import API_VERSION


@dataclass(frozen=True)
class Resource:
    """A resource as the API server sent it; its namespace is empty if it is of the cluster."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    spec: Mapping[str, Any]
    status: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False
    """Its deletion was asked for, and waits for a finalizer."""
    by_drain: bool = False
    """A drain has made it, so that nobody can set its fields."""

    @property
    def finished(self) -> bool:
        """Whether its status says how it ended."""
        return conditions.have_ended(self.status.get("conditions") or ())

    @property
    def suspended(self) -> bool:
        """Whether it is not to begin yet."""
        return bool(self.spec.get("suspend"))

    @property
    def key(self) -> str:
        """``kind namespace/name``, for logs and messages."""
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def reference(self) -> dict[str, str]:
        """A reference to it in the form of Kubernetes, for events and logs."""
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
        }


class StatusUnwritable(Exception):
    """The API server did not take a status; the operation itself is not affected."""


class ResourceGone(StatusUnwritable):
    """There is no such resource any more."""


class Events(Protocol):
    """Where events are posted."""

    def event(
        self, resource: Resource, severity: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Post an event; what goes wrong with it is not worth an error."""


class Reporter(Events, Protocol):
    """How users hear of an operation."""

    def status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        """Write a resource's status.

        Raises:
            StatusUnwritable: it could not be written now.
            ResourceGone: the resource was deleted.
        """
