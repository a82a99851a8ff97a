"""What a drain asks of the API server, and what it makes of the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kubernetes import client

from podman_checkpoint_operator.agent.drain_board import ApiBoard
from podman_checkpoint_operator.api.names import CHECKPOINTS
from podman_checkpoint_operator.decisions.drain.history import Superfluous
from podman_checkpoint_operator.reconcilers.drain_ports import Refusal
from podman_checkpoint_operator.reconcilers.resource import StatusUnwritable
from tests.unit.agent.test_api_server import use
from tests.unit.kubernetes_api import KubernetesApi, custom_object, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with serving(objects={CHECKPOINTS.plural: [custom_object("one")]}) as serves:
        use(client.Configuration(host=serves.url))
        yield serves
        use(None)


def test_it_lists_what_drains_of_its_own_host_have_made(api: KubernetesApi) -> None:
    found = ApiBoard("host-a").checkpoints()

    assert [each["metadata"]["name"] for each in found] == ["one"]
    (request,) = api.asked("GET", CHECKPOINTS.plural)
    assert "namespaces" not in request.path
    assert request.query == {
        "labelSelector": "podman-checkpoint.dev/drained-host=host-a",
        "fieldSelector": "spec.nodeName=host-a",
    }


def test_it_creates_in_the_namespace_of_the_resource(api: KubernetesApi) -> None:
    ApiBoard("host-a").make(custom_object("two"))

    (request,) = api.asked("POST")
    assert request.path.endswith("/namespaces/default/containercheckpoints")
    assert request.body["metadata"]["name"] == "two"


def test_one_that_is_there_already_is_as_good(api: KubernetesApi) -> None:
    api.refusals["POST"] = 409
    ApiBoard("host-a").make(custom_object("two"))


@pytest.mark.parametrize("status", [403, 404, 422])
def test_what_the_api_server_will_not_have(api: KubernetesApi, status: int) -> None:
    api.refusals["POST"] = status
    with pytest.raises(Refusal, match=r"^refused$"):
        ApiBoard("host-a").make(custom_object("two"))


def test_an_api_server_that_is_ill_is_no_refusal(api: KubernetesApi) -> None:
    api.refusals["POST"] = 500
    with pytest.raises(StatusUnwritable):
        ApiBoard("host-a").make(custom_object("two"))


OLD = Superfluous(CHECKPOINTS, "default", "one", "uid-one")


def test_it_deletes_this_very_resource(api: KubernetesApi) -> None:
    ApiBoard("host-a").delete(OLD)

    (request,) = api.asked("DELETE")
    assert request.path.endswith("/namespaces/default/containercheckpoints/one")
    assert request.body == {"preconditions": {"uid": "uid-one"}}


@pytest.mark.parametrize("status", [404, 409])
def test_what_is_gone_or_another_one_needs_no_deletion(api: KubernetesApi, status: int) -> None:
    api.refusals["DELETE"] = status
    ApiBoard("host-a").delete(OLD)


def test_a_deletion_that_is_forbidden(api: KubernetesApi) -> None:
    api.refusals["DELETE"] = 403
    with pytest.raises(StatusUnwritable):
        ApiBoard("host-a").delete(OLD)


@pytest.mark.parametrize(
    ("nodes", "cordoned"),
    [
        ([], False),
        ([{"metadata": {"name": "host-a"}, "spec": {}}], False),
        ([{"metadata": {"name": "host-a"}, "spec": {"unschedulable": True}}], True),
        ([{"metadata": {"name": "host-b"}, "spec": {"unschedulable": True}}], False),
    ],
    ids=["no Node", "schedulable", "cordoned", "another"],
)
def test_the_node_of_the_host(
    api: KubernetesApi, nodes: list[dict[str, object]], cordoned: bool
) -> None:
    api.objects["nodes"] = nodes
    assert ApiBoard("host-a").is_cordoned() is cordoned
