"""The PodmanHost and the heartbeat of one host, at the API server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from kubernetes import client

from ..api.names import API_VERSION, GROUP, HOSTS, SYSTEM_NAMESPACE, VERSION
from ..decisions.heartbeat import LEASE_SECONDS
from ..reconcilers.resource import ResourceGone
from .refusals import Refused, refused

_SECONDS: Final = (5, 10)
_MERGE: Final = "application/merge-patch+json"
_LEASES: Final = ("coordination.k8s.io", "v1", SYSTEM_NAMESPACE, "leases")


class ApiHostRegistry:
    """Registers a host with the credentials the client library was set up with.

    Args:
        node_name: the host's name, of its PodmanHost and of its Lease.
    """

    def __init__(self, node_name: str) -> None:
        self._name = node_name
        # Not CoordinationV1Api: the client's models take memory for nothing.
        self._objects: Any = client.CustomObjectsApi()

    def register(self) -> Mapping[str, Any]:
        """Return the PodmanHost, having made it where there was none."""
        body = {"apiVersion": API_VERSION, "kind": HOSTS.kind, "metadata": {"name": self._name}}
        with refused(f"PodmanHost {self._name}"):
            # A list of one, since an API server may have to ask somebody whether an agent may get.
            found: list[Mapping[str, Any]] = self._objects.list_cluster_custom_object(
                GROUP,
                VERSION,
                HOSTS.plural,
                field_selector=f"metadata.name={self._name}",
                _request_timeout=_SECONDS,
            )["items"]
            if found:
                return found[0]
            made: Mapping[str, Any] = self._objects.create_cluster_custom_object(
                GROUP, VERSION, HOSTS.plural, body, _request_timeout=_SECONDS
            )
        return made

    def status(self, uid: str, status: Mapping[str, Any]) -> None:
        """Write the status of the PodmanHost with this UID."""
        try:
            with refused(f"PodmanHost {self._name}"):
                self._objects.patch_cluster_custom_object_status(
                    GROUP,
                    VERSION,
                    HOSTS.plural,
                    self._name,
                    {"metadata": {"uid": uid}, "status": status},
                    _request_timeout=_SECONDS,
                    _content_type=_MERGE,
                )
        except Refused as error:
            if error.status in (404, 409):
                raise ResourceGone(f"PodmanHost {self._name}") from error
            raise

    def renew(self, host_uid: str) -> None:
        """Renew the Lease, made where there is none."""
        spec = {
            "holderIdentity": self._name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": datetime.now(UTC).isoformat(timespec="microseconds"),
        }
        with refused(f"Lease {self._name}"):
            try:
                self._objects.patch_namespaced_custom_object(
                    *_LEASES,
                    self._name,
                    {"spec": spec},
                    _request_timeout=_SECONDS,
                    _content_type=_MERGE,
                )
            except client.ApiException as error:
                if error.status != 404:
                    raise
                lease = {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": self._name, "ownerReferences": [self._owner(host_uid)]},
                    "spec": spec,
                }
                self._objects.create_namespaced_custom_object(
                    *_LEASES, lease, _request_timeout=_SECONDS
                )

    def _owner(self, uid: str) -> dict[str, str]:
        return {"apiVersion": API_VERSION, "kind": HOSTS.kind, "name": self._name, "uid": uid}
