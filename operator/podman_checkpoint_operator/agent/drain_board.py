"""What a drain has made at the API server, and the cluster's Node of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kubernetes import client

from ..api.names import CHECKPOINTS, DRAINED_HOST_LABEL, GROUP, PLURALS, RESTORES, VERSION, Resource
from ..decisions.drain.history import Superfluous
from ..decisions.drain.objects import host_label
from ..reconcilers.drain_ports import Refusal
from .core_api import request
from .refusals import Refused, refused, unless_absent

_SECONDS: Final = (5, 30)
_REFUSALS: Final = frozenset({400, 403, 404, 422})


class ApiBoard:
    """Works with the credentials the client library was set up with.

    Args:
        node_name: the host's name.
    """

    def __init__(self, node_name: str) -> None:
        self._name = node_name
        self._api: Any = client.ApiClient()  # the stubs do not know what it has
        self._objects: Any = client.CustomObjectsApi(self._api)

    def checkpoints(self) -> list[Mapping[str, Any]]:
        """Return the ContainerCheckpoints of drains of this host."""
        return self._list(CHECKPOINTS)

    def restores(self) -> list[Mapping[str, Any]]:
        """Return the ContainerRestores of drains of this host."""
        return self._list(RESTORES)

    def make(self, manifest: Mapping[str, Any]) -> None:
        """Create a resource, unless there is one of that name."""
        metadata = manifest["metadata"]
        try:
            with refused(f"{manifest['kind']} {metadata['namespace']}/{metadata['name']}"):
                self._objects.create_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    metadata["namespace"],
                    PLURALS[manifest["kind"]],
                    dict(manifest),
                    _request_timeout=_SECONDS,
                )
        except Refused as error:
            if error.status in _REFUSALS:
                raise Refusal(error.reason) from error
            if error.status != 409:
                raise

    def delete(self, what: Superfluous) -> None:
        """Delete a resource, unless it is gone or another one."""
        try:
            with refused(f"{what.resource.kind} {what.namespace}/{what.name}"):
                self._objects.delete_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    what.namespace,
                    what.resource.plural,
                    what.name,
                    body={"preconditions": {"uid": what.uid}},
                    _request_timeout=_SECONDS,
                )
        except Refused as error:
            if error.status not in (404, 409):
                raise

    def is_cordoned(self) -> bool:
        """Whether the cluster has a Node of the host's name that is cordoned."""
        node = unless_absent(f"Node {self._name}", self._node)
        return bool(node and (node.get("spec") or {}).get("unschedulable"))

    def _node(self) -> Mapping[str, Any]:
        return request(self._api, "GET", f"/api/v1/nodes/{self._name}")

    def _list(self, resource: Resource) -> list[Mapping[str, Any]]:
        with refused(resource.plural):
            found: list[Mapping[str, Any]] = self._objects.list_cluster_custom_object(
                GROUP,
                VERSION,
                resource.plural,
                label_selector=f"{DRAINED_HOST_LABEL}={host_label(self._name)}",
                field_selector=f"spec.nodeName={self._name}",
                _request_timeout=_SECONDS,
            )["items"]
        return found
