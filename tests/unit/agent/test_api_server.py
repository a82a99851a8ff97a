"""Statuses, events and look-ups as the API server gets them, and what its refusals mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from kubernetes import client

from podman_checkpoint_operator.agent.api_server import ApiServer
from podman_checkpoint_operator.api.names import CHECKPOINTS
from podman_checkpoint_operator.reconcilers.resource import ResourceGone, StatusUnwritable
from tests.unit.kubernetes_api import API, KubernetesApi, custom_object, serving
from tests.unit.reconcilers.fakes import resource

OF = resource()
STATUS_PATH = f"{API}/namespaces/default/containercheckpoints/{OF.name}/status"


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with serving(objects={CHECKPOINTS.plural: [custom_object("cp")]}) as serves:
        use(client.Configuration(host=serves.url))
        yield serves
        use(None)


def use(configuration: client.Configuration | None) -> None:
    """Give clients a default, with no patience; the stubs do not know of it."""
    if configuration:
        configuration.retries = 0
    client.Configuration.set_default(configuration)  # type: ignore[attr-defined]


def test_a_status_is_merged_for_this_very_resource(api: KubernetesApi) -> None:
    ApiServer("host-a").status(OF, {"observedGeneration": 1})
    (request,) = api.asked("PATCH")
    assert request.path == STATUS_PATH
    assert request.content_type == "application/merge-patch+json"
    assert request.body == {
        "metadata": {"uid": "uid-1"},
        # A diagnosis of an earlier write is taken back.
        "status": {"diagnosis": None, "observedGeneration": 1},
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, ResourceGone),
        (409, ResourceGone),
        (403, StatusUnwritable),
        (422, StatusUnwritable),
        (500, StatusUnwritable),
    ],
)
def test_refusals_of_a_status(
    api: KubernetesApi, status: int, error: type[StatusUnwritable]
) -> None:
    api.refusals["PATCH"] = status
    with pytest.raises(StatusUnwritable) as caught:
        ApiServer("host-a").status(OF, {})
    assert isinstance(caught.value, error)
    assert isinstance(caught.value, ResourceGone) == (error is ResourceGone)


def test_a_server_out_of_reach(api: KubernetesApi) -> None:
    use(client.Configuration(host="http://127.0.0.1:1"))
    with pytest.raises(StatusUnwritable):
        ApiServer("host-a").status(OF, {})
    with pytest.raises(StatusUnwritable):
        ApiServer("host-a").checkpoint("default", "cp")


def test_an_event_names_the_resource_and_the_agent(api: KubernetesApi) -> None:
    ApiServer("host-a").event(OF, "Warning", "NoSpace", "x" * 5000)
    (request,) = api.asked("POST", "/namespaces/default/events")
    assert request.body["reason"] == "NoSpace"
    assert request.body["type"] == "Warning"
    assert request.body["lastTimestamp"] == request.body["eventTime"][:19] + "Z"
    assert OF.uid in str(request.body)
    assert max(len(str(value)) for value in request.body.values()) <= 1024


def test_an_event_about_what_is_in_no_namespace(api: KubernetesApi) -> None:
    ApiServer("host-a").event(replace(OF, namespace=""), "Normal", "Drained", "done")
    (request,) = api.asked("POST", "/namespaces/default/events")
    assert request.body["involvedObject"]["namespace"] == ""


def test_an_event_that_is_refused_is_only_logged(
    api: KubernetesApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.refusals["POST"] = 403
    with caplog.at_level(logging.WARNING):
        ApiServer("host-a").event(OF, "Normal", "Checkpointed", "done")
    assert "event not posted" in caplog.text
    (line,) = (each for each in caplog.records if each.message == "event not posted")
    assert "403" in line.error  # type: ignore[attr-defined]
    assert "refused" in line.error  # type: ignore[attr-defined]


def test_a_checkpoint_is_found_or_is_not(api: KubernetesApi) -> None:
    found = ApiServer("host-a").checkpoint("default", "cp")
    assert found is not None
    assert found["metadata"]["uid"] == "uid-cp"
    assert ApiServer("host-a").checkpoint("default", "other") is None


def test_a_successor_of_the_same_name_is_another_resource(api: KubernetesApi) -> None:
    assert ApiServer("host-a").exists("ContainerCheckpoint", "default", "cp", "uid-cp")
    assert not ApiServer("host-a").exists("ContainerCheckpoint", "default", "cp", "uid-older")
    assert not ApiServer("host-a").exists("ContainerCheckpoint", "default", "gone", "uid-cp")
