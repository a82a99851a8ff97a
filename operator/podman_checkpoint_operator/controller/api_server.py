"""What the controller reads from and writes to the API server beside kopf's watching."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from kubernetes import client

from ..agent.refusals import Refused, refused, unless_absent
from ..api.names import FINALIZER, GROUP, HOSTS, PLURALS, RESTORES, SYSTEM_NAMESPACE, VERSION
from ..decisions.heartbeat import Heartbeat, heartbeat_of

_SECONDS: Final = (5, 30)
_OPTIONS: Final[dict[str, Any]] = {
    "_request_timeout": _SECONDS,
    "_content_type": "application/merge-patch+json",
}
_OK: Final = 200


@dataclass(frozen=True)
class Heartbeats:
    """All hosts' last heartbeats, and the time that the API server gives."""

    last: tuple[Heartbeat, ...]
    now: datetime


class FleetApi:
    """The fleet as the API server has it."""

    def __init__(self) -> None:
        self._objects = client.CustomObjectsApi()

    def heartbeats(self) -> Heartbeats:
        """Return the heartbeats.

        Raises:
            StatusUnwritable: the API server is out of reach.
        """
        with refused("Leases"):
            # The client's other answers do not have the headers, with the API server's time.
            answer: Any = self._objects.list_namespaced_custom_object(
                *("coordination.k8s.io", "v1", SYSTEM_NAMESPACE, "leases"),
                _request_timeout=_SECONDS,
                _preload_content=False,  # type: ignore[call-arg]
            )
            if answer.status != _OK:
                raise client.ApiException(http_resp=answer)
            leases = json.loads(answer.data)["items"]
        now = parsedate_to_datetime(answer.headers["Date"])
        return Heartbeats(tuple(map(heartbeat_of, leases)), now)

    def host_of(self, plural: str, namespace: str, name: str) -> str | None:
        """Return the host that a resource is for, or None when there is none.

        Raises:
            StatusUnwritable: the API server is out of reach.
        """
        found = unless_absent(
            f"{plural} {namespace}/{name}",
            lambda: self._objects.get_namespaced_custom_object(
                GROUP, VERSION, namespace, plural, name, _request_timeout=_SECONDS
            ),
        )
        return None if found is None else str(found["spec"]["nodeName"])

    def wanted_on(self, host: str, namespace: str) -> list[str]:
        """Return the names of the checkpoints that restores on a host are to restore.

        What the host's agent has made for a drain does not count: it asks for itself.

        Raises:
            StatusUnwritable: the API server is out of reach.
        """
        with refused(RESTORES.plural):
            found: Any = self._objects.list_namespaced_custom_object(
                *(GROUP, VERSION, namespace, RESTORES.plural),
                field_selector=f"spec.nodeName={host}",
                _request_timeout=_SECONDS,
            )
        asked = (each for each in found["items"] if not _is_agents(each))
        references = (each["spec"]["source"].get("checkpointRef") for each in asked)
        return [reference["name"] for reference in references if reference]

    def conditions(
        self, resource: Mapping[str, Any], conditions: list[dict[str, Any]], generation: int
    ) -> None:
        """Write a resource's conditions, unless it has changed meanwhile."""
        metadata = resource["metadata"]
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"]},
            "status": {"conditions": conditions, "observedGeneration": generation},
        }
        plural, name = PLURALS[resource["kind"]], metadata["name"]
        with _unless_changed(name):
            if namespace := metadata.get("namespace"):
                self._objects.patch_namespaced_custom_object_status(
                    GROUP, VERSION, namespace, plural, name, body, **_OPTIONS
                )
            else:
                self._objects.patch_cluster_custom_object_status(
                    GROUP, VERSION, plural, name, body, **_OPTIONS
                )

    def release(self, resource: Mapping[str, Any]) -> None:
        """Take the agent's finalizer off a resource, unless it has changed meanwhile."""
        metadata = resource["metadata"]
        kept = [each for each in metadata["finalizers"] if each != FINALIZER]
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": kept},
        }
        with _unless_changed(metadata["name"]):
            self._objects.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                metadata["namespace"],
                PLURALS[resource["kind"]],
                metadata["name"],
                body,
                **_OPTIONS,
            )


@contextmanager
def _unless_changed(name: str) -> Iterator[None]:
    try:
        with refused(name):
            yield
    except Refused as error:
        if error.status not in (404, 409):  # the watch brings what it has become
            raise


def _is_agents(resource: Mapping[str, Any]) -> bool:
    """Whether an agent has made it: the admission policy has it name its PodmanHost as owner."""
    owners = resource["metadata"].get("ownerReferences") or ()
    return any(owner["kind"] == HOSTS.kind for owner in owners)
