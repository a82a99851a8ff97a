"""What the webhook makes of the API server's questions."""

from __future__ import annotations

from typing import Any

import pytest

from podman_checkpoint_operator.api.names import GROUP
from podman_checkpoint_operator.decisions.reading import agents_read, denial

NODE = "authentication.kubernetes.io/node-name"
ACCOUNTS = "system:serviceaccounts:podman-checkpoint-system"
CHECKPOINT = "containercheckpoints"


class Cluster:
    """Has a checkpoint on either host, and one on host-b that host-a is to restore."""

    def host_of(self, plural: str, namespace: str, name: str) -> str | None:
        return {"on-a": "host-a", "on-b": "host-b", "wanted": "host-b"}.get(name)

    def wanted_on(self, host: str, namespace: str) -> list[str]:
        return ["wanted"] if (host, namespace) == ("host-a", "default") else []


def review(
    verb: str = "get", resource: str = CHECKPOINT, name: str = "", **user: Any
) -> dict[str, Any]:
    attributes = {"group": GROUP, "verb": verb, "resource": resource, "name": name}
    token = {"user": "system:serviceaccount:podman-checkpoint-system:agents", "groups": [ACCOUNTS]}
    return {
        "resourceAttributes": {**attributes, "namespace": "default"},
        **token,
        "extra": {NODE: ["host-a"]},
        **user,
    }


def asked(**kwargs: Any) -> str:
    read = agents_read(review(**kwargs))
    assert read is not None
    return denial(read, Cluster())


@pytest.mark.parametrize(
    ("resource", "name", "allowed"),
    [
        (CHECKPOINT, "on-a", True),
        (CHECKPOINT, "on-b", False),
        (CHECKPOINT, "wanted", True),
        (CHECKPOINT, "none", True),
        ("containerrestores", "on-a", True),
        ("containerrestores", "wanted", False),
        ("podmanhosts", "host-a", True),
        ("podmanhosts", "host-b", False),
        ("somethingnew", "on-a", False),
    ],
)
def test_what_is_read_by_its_name(resource: str, name: str, allowed: bool) -> None:
    message = asked(resource=resource, name=name)

    assert bool(message) is not allowed
    assert allowed or "the agent of host host-a reads only what is of its own host" in message


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_lists_that_come_here_are_too_wide(verb: str) -> None:
    assert "--field-selector spec.nodeName=host-a" in asked(verb=verb)
    assert "metadata.name=host-a" in asked(verb=verb, resource="podmanhosts")


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"user": "podman-checkpoint:host:host-a", "groups": ["podman-checkpoint:agents"]}, "on-a"),
        ({"extra": {NODE: ["host-b"]}}, "on-b"),
    ],
)
def test_who_asks_is_known(user: dict[str, Any], name: str) -> None:
    assert asked(name=name, **user) == ""


@pytest.mark.parametrize(
    "user",
    [
        {"extra": None},
        {"extra": {NODE: []}},
        {"user": "somebody", "groups": ["podman-checkpoint:agents"]},
        {"user": "somebody", "groups": ["podman-checkpoint:agents", ACCOUNTS]},
    ],
)
def test_an_agent_without_a_host_reads_nothing(user: dict[str, Any]) -> None:
    assert "does not tell its host" in asked(name="on-a", **user)


@pytest.mark.parametrize(
    "strangers",
    [
        {"user": "jane", "groups": ["system:authenticated"]},
        {"user": "system:serviceaccount:podman-checkpoint-system:podman-checkpoint-controller"},
        {"verb": "create"},
        {"resourceAttributes": None},
        {"resourceAttributes": {"group": "", "verb": "get", "resource": "pods"}},
    ],
)
def test_there_is_no_opinion_on_anything_else(strangers: dict[str, Any]) -> None:
    assert agents_read(review(**strangers)) is None
