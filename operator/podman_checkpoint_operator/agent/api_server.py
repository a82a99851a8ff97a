"""What the agent reads from and writes to the API server beside kopf's watching."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from kubernetes import client

from ..api.conditions import timestamp
from ..api.names import CHECKPOINTS, GROUP, PLURALS, REPORTING_COMPONENT, VERSION
from ..reconcilers.resource import Resource, ResourceGone, StatusUnwritable
from .core_api import request
from .refusals import Refused, refused, unless_absent

logger = logging.getLogger(__name__)

_SECONDS: Final = (5, 30)
_MAX_MESSAGE: Final = 1024


class ApiServer:
    """Statuses, events and checkpoints, with the credentials the client library was set up with.

    Args:
        node_name: the host's name, which events come from.
    """

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._api: Any = client.ApiClient()
        self._objects: Any = client.CustomObjectsApi(self._api)

    def status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        """Write a resource's status.

        Raises:
            StatusUnwritable: it could not be written now.
            ResourceGone: the resource was deleted, or is another one of the same name.
        """
        # The UID keeps a status from a successor of the same name; null takes a diagnosis back.
        body = {"metadata": {"uid": resource.uid}, "status": {"diagnosis": None, **status}}
        try:
            with refused(resource.key):
                self._objects.patch_namespaced_custom_object_status(
                    GROUP,
                    VERSION,
                    resource.namespace,
                    PLURALS[resource.kind],
                    resource.name,
                    body,
                    _request_timeout=_SECONDS,
                    _content_type="application/merge-patch+json",
                )
        except Refused as error:
            if error.status in (404, 409):
                raise ResourceGone(resource.key) from error
            raise

    def event(
        self, resource: Resource, severity: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        """Post an event; what goes wrong with it is only logged."""
        now = datetime.now(UTC)
        event = {
            "metadata": {"generateName": f"{resource.name[:200]}-"},
            "involvedObject": resource.reference,
            "type": severity,
            "reason": str(reason),
            "action": str(reason),
            "message": message[:_MAX_MESSAGE],
            "reportingComponent": REPORTING_COMPONENT,
            "reportingInstance": self._node_name,
            "eventTime": now.isoformat(timespec="microseconds"),
            # kubectl puts events into order by this one, which events.k8s.io/v1 does not admit.
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
        }
        # Where the API server has events about what is in no namespace.
        namespace = resource.namespace or "default"
        try:
            with refused("events"):
                request(self._api, "POST", f"/api/v1/namespaces/{namespace}/events", event)
        except StatusUnwritable as error:
            logger.warning("event not posted", extra={"error": str(error)})

    def checkpoint(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Return a ContainerCheckpoint, or None when there is none.

        Raises:
            StatusUnwritable: the API server is out of reach.
        """
        return self._get(namespace, CHECKPOINTS.plural, name)

    def exists(self, kind: str, namespace: str, name: str, uid: str) -> bool:
        """Whether a resource is still there, and still the same one."""
        found = self._get(namespace, PLURALS[kind], name)
        return found is not None and found["metadata"]["uid"] == uid

    def _get(self, namespace: str, plural: str, name: str) -> Mapping[str, Any] | None:
        return unless_absent(
            f"{plural} {namespace}/{name}",
            lambda: self._objects.get_namespaced_custom_object(
                GROUP, VERSION, namespace, plural, name, _request_timeout=_SECONDS
            ),
        )
