"""What an agent asks of the API server: objects of its own host, and nothing that costs more.

kopf's real operator runs against a server that records. Not here: that a real API server selects
by these fields; see tests/e2e.
"""

from __future__ import annotations

import kopf
import pytest

from podman_checkpoint_operator.agent.run import operator_settings
from podman_checkpoint_operator.api.names import CHECKPOINTS, FINALIZER, HOSTS, RESTORES
from podman_checkpoint_operator.handlers import Handled, register
from tests.unit.handlers.fakes import (
    NoReconciler,
    RecordingDrain,
    RecordingOperations,
    RecordingRegistration,
)
from tests.unit.kubernetes_api import API, KubernetesApi, serving
from tests.unit.operator_run import run_operator

NODE = "host-a.example.org"


@pytest.fixture(scope="module")
def asked() -> KubernetesApi:
    """An API server that an agent has connected to."""
    registry = kopf.OperatorRegistry()
    register(
        registry,
        Handled(
            RecordingOperations(),
            NoReconciler(),
            NoReconciler(),
            RecordingRegistration(),
            RecordingDrain(),
            lambda: None,
        ),
    )
    with serving() as api:

        def watching() -> bool:
            watches = {each.path for each in api.requests if each.query.get("watch") == "true"}
            return len(watches) == 3

        run_operator(registry, api, node_name=NODE, until=watching)
    return api


@pytest.mark.parametrize("plural", [CHECKPOINTS.plural, RESTORES.plural])
def test_it_lists_and_watches_the_objects_of_its_host_only(
    asked: KubernetesApi, plural: str
) -> None:
    requests = asked.asked("GET", f"{API}/{plural}")
    assert {each.query.get("watch") for each in requests} == {None, "true"}
    assert {each.query.get("fieldSelector") for each in requests} == {f"spec.nodeName={NODE}"}


def test_it_watches_its_own_host_only(asked: KubernetesApi) -> None:
    requests = asked.asked("GET", f"{API}/{HOSTS.plural}")
    assert {each.query.get("fieldSelector") for each in requests} == {f"metadata.name={NODE}"}


def test_it_asks_for_nothing_but_its_own_kinds(asked: KubernetesApi) -> None:
    paths = {each.path for each in asked.requests}
    assert paths <= {
        "/api",
        "/api/v1",
        "/apis",
        API.rpartition("/")[0],
        API,
        f"{API}/{CHECKPOINTS.plural}",
        f"{API}/{RESTORES.plural}",
        f"{API}/{HOSTS.plural}",
    }
    assert not any(
        word in path
        for path in paths
        for word in ("customresourcedefinitions", "namespaces", "peering")
    )


def test_it_writes_nothing_while_there_is_nothing_to_do(asked: KubernetesApi) -> None:
    assert {each.method for each in asked.requests} == {"GET"}


def test_its_marks_on_objects_are_its_own() -> None:
    settings = operator_settings(NODE)
    assert settings.persistence.finalizer == FINALIZER
    assert settings.peering.standalone
