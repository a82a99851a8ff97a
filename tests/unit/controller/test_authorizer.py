"""The webhook as the API server calls it, over TLS, and as a stranger might."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.controller.authorizer import Authorizer
from podman_checkpoint_operator.reconcilers.resource import StatusUnwritable
from tests.lab import pki
from tests.unit.decisions.test_reading import Cluster, review
from tests.unit.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[[bytes], dict[str, Any]]


class Away(Cluster):
    def host_of(self, plural: str, namespace: str, name: str) -> str | None:
        raise StatusUnwritable("connection refused")


@pytest.fixture(scope="module")
def decisions() -> list[str]:
    return []


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory, decisions: list[str]) -> Iterator[Ask]:
    keys = pki.ensure(tmp_path_factory.mktemp("pki"), address="127.0.0.1")
    address = f"https://127.0.0.1:{free_port()}"
    trusting = ssl.create_default_context(cafile=str(keys.authority.certificate))

    def call(body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(f"{address}/?timeout=3s", body, method="POST")
        with urllib.request.urlopen(request, context=trusting, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    pair = keys.authorizer
    with Authorizer(Cluster(), decisions.append).served(address, pair.certificate, pair.key):
        yield call


def question(name: str) -> dict[str, Any]:
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    return {**kind, "spec": review(name=name)}


@pytest.fixture
def told(decisions: list[str]) -> list[str]:
    """The decisions that are told from here on."""
    decisions.clear()
    return decisions


def test_it_denies_or_has_no_opinion(ask: Ask, told: list[str]) -> None:
    for name, denied in (("on-b", True), ("on-a", False)):
        answer = ask(json.dumps(question(name)).encode())
        assert answer["kind"] == "SubjectAccessReview"
        assert answer["status"]["allowed"] is False
        assert answer["status"]["denied"] is denied
        assert bool(answer["status"]["reason"]) is denied
    assert told == ["denied", "no_opinion"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"spec": 1}'])
def test_what_is_no_question_is_refused(ask: Ask, body: bytes, told: list[str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(body)

    assert refused.value.code == 400
    refused.value.close()
    assert told == ["malformed"]


def test_what_cannot_be_looked_up_is_denied() -> None:
    told: list[str] = []
    status = Authorizer(Away(), told.append).answered(question("on-a"))["status"]

    assert status["denied"]
    assert "connection refused" in status["reason"]
    assert told == ["failed"]
