"""What the controller asks of the API server, and what it leaves out of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client

from podman_checkpoint_operator.api.names import FINALIZER, HOSTS, RESTORES
from podman_checkpoint_operator.controller.api_server import FleetApi
from podman_checkpoint_operator.reconcilers.resource import StatusUnwritable
from tests.unit.agent.test_api_server import use
from tests.unit.kubernetes_api import KubernetesApi, custom_object, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


def restore(name: str, source: dict[str, Any], *owners: str) -> dict[str, Any]:
    made = custom_object(name, kind=RESTORES.kind, source=source)
    if owners:
        made["metadata"]["ownerReferences"] = [{"kind": each, "name": "host-a"} for each in owners]
    return made


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    restores = [
        restore("somebodys", {"checkpointRef": {"name": "wanted"}}),
        restore("flux'", {"checkpointRef": {"name": "wanted-by-flux"}}, "Kustomization"),
        restore("drains", {"checkpointRef": {"name": "agents-own"}}, HOSTS.kind),
        restore("adopted", {"checkpointRef": {"name": "agents-too"}}, "Kustomization", HOSTS.kind),
        restore("archives", {"archive": {"uri": "file:///a"}}),
    ]
    with serving(objects={RESTORES.plural: restores}) as serves:
        use(client.Configuration(host=serves.url))
        yield serves
        use(None)


def test_what_an_agent_has_made_itself_does_not_let_it_read(api: KubernetesApi) -> None:
    assert FleetApi().wanted_on("host-a", "default") == ["wanted", "wanted-by-flux"]
    (request,) = api.asked("GET")
    assert request.query == {"fieldSelector": "spec.nodeName=host-a"}


def test_a_finalizer_is_taken_off_what_has_not_changed(api: KubernetesApi) -> None:
    resource = restore("somebodys", {})
    resource["metadata"]["finalizers"] = ["others", FINALIZER]

    FleetApi().release(resource)

    (request,) = api.asked("PATCH")
    assert request.body == {"metadata": {"resourceVersion": "1", "finalizers": ["others"]}}


@pytest.mark.parametrize("status", [404, 409])
def test_a_resource_that_has_changed_is_left_to_the_watch(api: KubernetesApi, status: int) -> None:
    api.refusals["PATCH"] = status
    FleetApi().conditions(restore("somebodys", {}), [], 1)


def test_other_refusals_are_told(api: KubernetesApi) -> None:
    api.refusals["PATCH"] = 403
    with pytest.raises(StatusUnwritable):
        FleetApi().conditions(restore("somebodys", {}), [], 1)
