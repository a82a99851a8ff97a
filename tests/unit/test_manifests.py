"""The roles in manifests/ allow what is needed and no more, and kustomize finds every file.

Not here: that an agent can work with its role. The lab's agents have nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from podman_checkpoint_operator.api.names import (
    ANNOTATION_PREFIX,
    CHECKPOINTS,
    FINALIZER,
    GROUP,
    HOSTS,
    RESTORES,
    SYSTEM_NAMESPACE,
)
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

BASE = CHECKOUT / "manifests" / "base"
BOTH = [CHECKPOINTS.plural, RESTORES.plural]
LEASES = "coordination.k8s.io"
READ = ["get", "list", "watch"]
WRITE = ["create", "update", "patch", "delete", "deletecollection"]


def roles() -> dict[str, dict[str, Any]]:
    return of_kind("ClusterRole")


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a kind, by their names without the product's."""
    return {
        document["metadata"]["name"].removeprefix("podman-checkpoint-"): document
        for file in BASE.glob("*-role*.yaml")
        for document in yaml.safe_load_all(file.read_text())
        if document["kind"] == kind
    }


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
        *expected(
            (BOTH, [*READ, "create", "patch", "delete"]),
            ([HOSTS.plural], [*READ, "create"]),
            ([*status, f"{HOSTS.plural}/status"], ["patch", "update"]),
        ),
        ("", "events", "create"),
        ("", "nodes", "get"),
        ("events.k8s.io", "events", "create"),
    }
    assert "labels" not in roles()["agent"]["metadata"]
    assert allowed(of_kind("Role")["agent"]) == {
        (LEASES, "leases", verb) for verb in ("create", "patch")
    }


def test_the_controller_can_mark_and_let_go_and_nothing_else() -> None:
    all_ = [*BOTH, HOSTS.plural]
    assert allowed(roles()["controller"]) == expected(
        (all_, READ), ([*BOTH, *(f"{plural}/status" for plural in all_)], ["patch"])
    )
    assert allowed(of_kind("Role")["controller"]) == {(LEASES, "leases", "list")}
    for kind in ("ClusterRole", "Role"):
        binding = of_kind(f"{kind}Binding")["controller"]
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == (
            kind,
            "podman-checkpoint-controller",
        )


@pytest.mark.parametrize(
    ("name", "joins", "rules"),
    [
        ("viewer", "view", [([*BOTH, HOSTS.plural], READ)]),
        ("host-viewer", "", [([HOSTS.plural], READ)]),
        ("editor", "edit", [([*BOTH, HOSTS.plural], READ), ([CHECKPOINTS.plural], WRITE)]),
        ("restorer", "admin", [([*BOTH, HOSTS.plural], READ), ([RESTORES.plural], WRITE)]),
        ("admin", "admin", [([*BOTH, HOSTS.plural], [*READ, *WRITE])]),
    ],
)
def test_roles_of_people(name: str, joins: str, rules: list[tuple[list[str], list[str]]]) -> None:
    role = roles()[name]

    assert allowed(role) == expected(*rules)
    label = {f"rbac.authorization.k8s.io/aggregate-to-{joins}": "true"} if joins else {}
    assert role["metadata"].get("labels", {}) == label


def test_the_policies_name_what_the_agent_uses() -> None:
    """What they let through is tried on a real API server, with these names."""
    policy, binding, *_ = yaml.safe_load_all((BASE / "admission-policies.yaml").read_text())

    expressions = "\n".join(each["expression"] for each in policy["spec"]["validations"])
    for name in (FINALIZER, f"{ANNOTATION_PREFIX}/", SYSTEM_NAMESPACE):
        assert f"'{name}'" in expressions
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]


def test_who_drains_hosts_is_nobody_by_default() -> None:
    role = roles()["drainer"]

    assert allowed(role) == expected(([HOSTS.plural], [*READ, "update", "patch"]))
    assert "labels" not in role["metadata"]


@pytest.mark.parametrize("folder", [BASE, CHECKOUT / "crds"], ids=lambda path: path.name)
def test_every_file_is_applied(folder: Path) -> None:
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]

    there = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert there == {each for each in listed if not each.startswith("..")}
    assert all((folder / each).exists() for each in listed)


def test_argo_cd_gets_one_health_script_for_every_kind() -> None:
    folder = CHECKOUT / "manifests" / "argocd"
    patch = yaml.safe_load((folder / "argocd-cm-patch.yaml").read_text())

    script = (folder / "health.lua").read_text()
    assert patch["data"] == {
        f"resource.customizations.health.{GROUP}_{each.kind}": script
        for each in (CHECKPOINTS, RESTORES, HOSTS)
    }
