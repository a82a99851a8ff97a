"""What the API server answers, in the words that kubectl has for it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from kubernetes.client import ApiException

from podman_checkpoint_operator.api.names import CHECKPOINTS
from podman_checkpoint_operator.cli.plugin.cluster import Cluster
from podman_checkpoint_operator.cli.plugin.outcome import Stop
from podman_checkpoint_operator.cli.plugin.refusals import refusal


def answer(code: int, **body: Any) -> ApiException:
    refused = ApiException(status=code, reason="said so")
    refused.body = json.dumps({"kind": "Status", "code": code, **body})
    return refused


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (
            answer(404, reason="NotFound", message='x "a" not found', details={"name": "a"}),
            'Error from server (NotFound): x "a" not found',
        ),
        (
            answer(403, reason="Forbidden", message="x is forbidden", details={"kind": "x"}),
            "Error from server (Forbidden): x is forbidden",
        ),
        (
            answer(401, reason="Unauthorized", message="Unauthorized"),
            "error: You must be logged in to the server (Unauthorized)",
        ),
        (
            answer(
                422,
                reason="Invalid",
                message="long",
                details={"name": "a", "causes": [{"field": "spec.x", "message": "no"}]},
            ),
            'The ContainerCheckpoint "a" is invalid: spec.x: no',
        ),
        (
            answer(
                422,
                reason="Invalid",
                message="long",
                details={
                    "name": "a",
                    "causes": [
                        {"field": "spec.x", "message": "no"},
                        {"field": "spec.y", "message": "neither"},
                    ],
                },
            ),
            'The ContainerCheckpoint "a" is invalid: \n* spec.x: no\n* spec.y: neither',
        ),
        (
            answer(500, reason="InternalError", message="oh"),
            "Error from server (InternalError): oh",
        ),
    ],
)
def test_refusals(refused: ApiException, said: str) -> None:
    assert str(refusal(refused, CHECKPOINTS)) == said


@pytest.mark.parametrize("body", ["404 page not found\n", "", None])
def test_a_cluster_without_the_operator(body: str | None) -> None:
    refused = ApiException(status=404, reason="Not Found")
    refused.body = body
    said = str(refusal(refused, CHECKPOINTS))
    assert 'the server doesn\'t have a resource type "containercheckpoints"' in said
    assert "Is the operator installed" in said


def kubeconfig(server: str) -> str:
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "namespace": "team"}}],
            "current-context": "x",
        }
    )


def asked(tmp_path: Any, text: str, context: str | None = None) -> Stop:
    (tmp_path / "config").write_text(text)
    with pytest.raises(Stop) as stop:
        Cluster(str(tmp_path / "config"), context, None).list(CHECKPOINTS)
    return stop.value


def test_nobody_listens(tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    said = str(asked(tmp_path, kubeconfig(f"https://127.0.0.1:{port}")))
    assert said == (
        f"The connection to the server 127.0.0.1:{port} was refused - did you specify the right"
        " host or port?"
    )


def test_no_such_name(tmp_path: Any) -> None:
    said = str(asked(tmp_path, kubeconfig("https://nowhere.invalid:6443")))
    assert said == "Unable to connect to the server: no such host: nowhere.invalid:6443"


@pytest.mark.parametrize(
    ("text", "context", "said"),
    [
        ("][", None, "error: error loading config file: while parsing"),
        ("words", None, "error: error loading config file: it is no kubeconfig"),
        ("{}", None, "error: Expected key current-context"),
        (kubeconfig("https://127.0.0.1:1"), "other", 'error: context "other" does not exist'),
    ],
)
def test_bad_kubeconfigs(tmp_path: Any, text: str, context: str | None, said: str) -> None:
    assert str(asked(tmp_path, text, context)).startswith(said)


def test_no_kubeconfig(tmp_path: Any) -> None:
    with pytest.raises(Stop, match="no such file or directory"):
        _ = Cluster(str(tmp_path / "none"), None, None).namespace


def test_the_namespace_is_that_of_the_context(tmp_path: Any) -> None:
    file = tmp_path / "config"
    # Whoever names a context needs no current one.
    file.write_text(kubeconfig("https://127.0.0.1:1").replace('"current-context": "x"', '"a": 1'))
    assert Cluster(str(file), "x", None).namespace == "team"
    assert Cluster(str(file), "x", "mine").namespace == "mine"
