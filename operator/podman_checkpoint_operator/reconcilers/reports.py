"""Where operations report, some of whose resources the API server does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from ..api.names import CHECKPOINTS
from .offline import PREFIX, Records
from .resource import Reporter, Resource


class ApiServer(Reporter, Protocol):
    """Where resources are that are not kept on the host."""

    def exists(self, kind: str, namespace: str, name: str, uid: str) -> bool:
        """Whether a resource is still there, and still the same one."""


class Reports:
    """Where operations report: to the API server, or to the records of what it does not have.

    Args:
        api_server: has all the others.
        records: of the host.
    """

    def __init__(self, api_server: ApiServer, records: Records) -> None:
        self._api_server = api_server
        self._records = records

    def status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        """Write a resource's status, as :meth:`.Reporter.status`."""
        if not resource.uid.startswith(PREFIX):
            return self._api_server.status(resource, status)
        if checkpoint := self._records.checkpoint(resource.uid):
            self._records.write_checkpoint({**checkpoint, "status": dict(status)})
        return None

    def event(
        self, resource: Resource, severity: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Post an event; nobody could read one about what the API server does not have."""
        if not resource.uid.startswith(PREFIX):
            self._api_server.event(resource, severity, reason, message)

    def exists(self, kind: str, namespace: str, name: str, uid: str) -> bool:
        """Whether a resource is still there, and still the same one."""
        if kind == CHECKPOINTS.kind and uid.startswith(PREFIX):
            return self._records.checkpoint(uid) is not None
        return self._api_server.exists(kind, namespace, name, uid)
