"""The roles in manifests/ allow what is needed and no more, and kustomize finds every file.

Not here: that an agent can work with its role. The lab's agents have nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from podman_checkpoint_operator.api.names import CHECKPOINTS, GROUP, RESTORES
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

BASE = CHECKOUT / "manifests" / "base"
BOTH = [CHECKPOINTS.plural, RESTORES.plural]
READ = ["get", "list", "watch"]
WRITE = ["create", "update", "patch", "delete", "deletecollection"]


def roles() -> dict[str, dict[str, Any]]:
    documents = [
        document
        for file in BASE.glob("*-role*.yaml")
        for document in yaml.safe_load_all(file.read_text())
    ]
    assert {each["kind"] for each in documents} == {"ClusterRole"}
    return {each["metadata"]["name"].removeprefix("podman-checkpoint-"): each for each in documents}


def allowed(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Return what a role allows, as group, resource and verb."""
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def expected(*rules: tuple[list[str], list[str]]) -> set[tuple[str, str, str]]:
    return {
        (GROUP, resource, verb)
        for resources, verbs in rules
        for resource in resources
        for verb in verbs
    }


def test_the_agent_can_do_its_work_and_nothing_else() -> None:
    status = [f"{plural}/status" for plural in BOTH]

    assert allowed(roles()["agent"]) == {
        *expected((BOTH, [*READ, "patch"]), (status, ["patch", "update"])),
        ("", "events", "create"),
        ("events.k8s.io", "events", "create"),
    }
    assert "labels" not in roles()["agent"]["metadata"]


@pytest.mark.parametrize(
    ("name", "joins", "rules"),
    [
        ("viewer", "view", [(BOTH, READ)]),
        ("editor", "edit", [(BOTH, READ), ([CHECKPOINTS.plural], WRITE)]),
        ("restorer", "admin", [(BOTH, READ), ([RESTORES.plural], WRITE)]),
    ],
)
def test_roles_of_people(name: str, joins: str, rules: list[tuple[list[str], list[str]]]) -> None:
    role = roles()[name]

    assert allowed(role) == expected(*rules)
    assert role["metadata"]["labels"] == {f"rbac.authorization.k8s.io/aggregate-to-{joins}": "true"}


@pytest.mark.parametrize("folder", [BASE, CHECKOUT / "crds"], ids=lambda path: path.name)
def test_every_file_is_applied(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]

    there = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert there == {each for each in listed if not each.startswith("..")}
    assert all((folder / each).exists() for each in listed)
