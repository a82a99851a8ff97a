"""The CRDs and the models say the same, and the CRDs keep to the conventions of the ecosystem.

Every property is compared in both directions: name, type, enum, default, what is required and every
limit. The rules in CEL are compared by what they refuse: tests/specs.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from podman_checkpoint_operator.api import names
from podman_checkpoint_operator.api.checkpoint import CheckpointSpec, CheckpointStatus
from podman_checkpoint_operator.api.host import HostSpec, HostStatus
from podman_checkpoint_operator.api.restore import RestoreSpec, RestoreStatus
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podman_checkpoint_operator.api.common import ApiModel

Schema = dict[str, Any]

CRDS = {
    resource.kind: yaml.safe_load((CHECKOUT / "crds" / f"{resource.plural}.yaml").read_text())
    for resource in (names.CHECKPOINTS, names.RESTORES, names.HOSTS)
}
OPERATIONS = [names.CHECKPOINTS.kind, names.RESTORES.kind]
"""Kinds that are one operation of one host."""
MODELS: list[tuple[str, str, type[ApiModel]]] = [
    (names.CHECKPOINTS.kind, "spec", CheckpointSpec),
    (names.CHECKPOINTS.kind, "status", CheckpointStatus),
    (names.RESTORES.kind, "spec", RestoreSpec),
    (names.RESTORES.kind, "status", RestoreStatus),
    (names.HOSTS.kind, "spec", HostSpec),
    (names.HOSTS.kind, "status", HostStatus),
]
SHAPE = {"type", "properties", "items", "required", "enum", "format", "anyOf"}
LIMITS = {"default", "pattern", "minLength", "maxLength", "minimum", "maximum"}
LIMITS |= {"minItems", "maxItems", "x-kubernetes-int-or-string"}
"""Compared for specs only: a status is written by the agent, and the CRD alone limits that."""


def version(kind: str) -> dict[str, Any]:
    (only,) = CRDS[kind]["spec"]["versions"]
    assert isinstance(only, dict)
    return only


def schema(kind: str, part: str) -> Schema:
    found = version(kind)["schema"]["openAPIV3Schema"]["properties"][part]
    assert isinstance(found, dict)
    return found


def reduced(node: Schema, *, keys: set[str], definitions: Schema | None = None) -> Schema:
    """Return a schema with ``keys`` only, without JSON schema's several ways to say the same."""
    definitions = definitions or node.get("$defs", {})
    node = resolved(node, definitions)
    result = {key: value for key, value in node.items() if key in keys}
    if "required" in result:
        result["required"] = sorted(result["required"])
    if "properties" in result:
        result["properties"] = {
            name: reduced(child, keys=keys, definitions=definitions)
            for name, child in result["properties"].items()
        }
    if "items" in result:
        result["items"] = reduced(result["items"], keys=keys, definitions=definitions)
    return result


def resolved(node: Schema, definitions: Schema) -> Schema:
    """Return a schema with its reference followed, ``or null`` and empty defaults left out."""
    siblings = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        node = resolved({**target, **siblings}, definitions)
    variants = node.get("anyOf", [])
    if {"type": "null"} in variants:
        (wanted,) = (each for each in variants if each != {"type": "null"})
        node = resolved({**wanted, **siblings}, definitions)
    if isinstance(node.get("default"), dict):
        default = {key: value for key, value in node["default"].items() if value is not None}
        node = {**node, "default": default}
    if node.get("default", "none") in (None, []):
        node = {key: value for key, value in node.items() if key != "default"}
    return node


def described(node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yield every property and item below a schema, with its path."""
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from described(child, f"{path}.{name}")
    if "items" in node:
        yield f"{path}[]", node["items"]
        yield from described(node["items"], f"{path}[]")


FIELDS = [
    pytest.param(path, field, id=path)
    for kind in CRDS
    for path, field in described(version(kind)["schema"]["openAPIV3Schema"], kind)
    if not path.endswith(".metadata")  # the API server describes it, and takes nothing else there
]


@pytest.mark.parametrize(("kind", "part", "model"), MODELS, ids=str)
def test_crd_and_model_agree(kind: str, part: str, model: type[ApiModel]) -> None:
    keys = SHAPE | LIMITS if part == "spec" else SHAPE
    in_yaml = reduced(schema(kind, part), keys=keys)
    in_python = reduced(model.model_json_schema(by_alias=True), keys=keys)

    assert in_yaml == in_python


def test_the_ghost_limit_of_drains_is_that_of_checkpoints() -> None:
    of_checkpoints = schema(names.CHECKPOINTS.kind, "spec")["properties"]["ghostLimit"]
    of_drains = schema(names.HOSTS.kind, "spec")["properties"]["drain"]["properties"]["ghostLimit"]
    own = {"description", "default"}
    assert of_drains.keys() - own == of_checkpoints.keys() - own
    assert all(of_drains[key] == of_checkpoints[key] for key in of_drains.keys() - own)


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_every_field_is_explained(path: str, field: Schema) -> None:
    text = field["description"]

    name = path.rpartition(".")[2]
    if not name.endswith("[]"):
        assert text.startswith(f"{name} "), "kubectl explain shows the text without the field"
    assert text.endswith((".", "…"))
    assert len(text) > len(name) + 10
    if "default" in field:
        assert "Default: " in text


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_numbers_are_whole_and_name_their_unit(path: str, field: Schema) -> None:
    assert field.get("type") != "number"
    if field.get("type") != "integer":
        return
    assert field["format"] == "int64"
    unit = re.search("(Seconds|Microseconds|Bytes|pages([A-Z][a-z]+)+)$", path)
    counts = ("observedGeneration", "exitCode", "containers.running", "historyLimit")
    assert unit or path.endswith(counts)
    if unit and not unit[1].startswith("pages"):
        assert unit[1].lower() in field["description"]


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_what_a_user_writes_is_bounded(path: str, field: Schema) -> None:
    """CEL's cost is estimated by the longest string, and a resource must fit into etcd."""
    if ".spec" not in path:
        return
    if field.get("type") == "string" or field.get("x-kubernetes-int-or-string"):
        assert "maxLength" in field or "enum" in field
    if field.get("type") == "array":
        assert "maxItems" in field


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        (names.CHECKPOINTS, "Namespaced"),
        (names.RESTORES, "Namespaced"),
        (names.HOSTS, "Cluster"),
    ],
    ids=str,
)
def test_names(resource: names.Resource, scope: str) -> None:
    crd = CRDS[resource.kind]

    assert crd["metadata"]["name"] == f"{resource.plural}.{names.GROUP}"
    assert crd["spec"]["group"] == names.GROUP
    assert crd["spec"]["scope"] == scope
    assert crd["spec"]["names"] == {
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "singular": resource.singular,
        "shortNames": [resource.short],
        "categories": ["podman", "checkpoint"],
    }


@pytest.mark.parametrize("kind", OPERATIONS)
def test_agents_select_by_the_host(kind: str) -> None:
    assert version(kind)["selectableFields"] == [{"jsonPath": ".spec.nodeName"}]


@pytest.mark.parametrize("kind", CRDS)
def test_what_the_agents_build_on(kind: str) -> None:
    only = version(kind)

    assert (only["name"], only["served"], only["storage"]) == (names.VERSION, True, True)
    assert only["subresources"] == {"status": {}}
    conditions = schema(kind, "status")["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert "phase" not in schema(kind, "status")["properties"]


@pytest.mark.parametrize("kind", OPERATIONS)
def test_columns(kind: str) -> None:
    columns = version(kind)["additionalPrinterColumns"]

    always = [each["name"] for each in columns if not each.get("priority")]
    assert always == ["Container", "Node", "Ready", "Reason", "Age"]


def test_what_both_kinds_report_is_explained_alike() -> None:
    one, other = (schema(kind, "status")["properties"] for kind in OPERATIONS)

    for shared in sorted(one.keys() & other.keys() - {"conditions", "statistics"}):
        assert one[shared] == other[shared]
    assert one["conditions"]["items"] == other["conditions"]["items"]


@pytest.mark.parametrize("kind", OPERATIONS)
def test_all_of_a_spec_but_suspend_is_immutable(kind: str) -> None:
    spec = schema(kind, "spec")
    (rule,) = (
        each["rule"]
        for each in spec["x-kubernetes-validations"]
        if "spec is immutable" in each["message"]
    )

    for name, field in spec["properties"].items():
        kept = f"self.{name} == oldSelf.{name}" in rule
        assert kept == (name != "suspend")
        optional = name not in spec["required"] and "default" not in field
        assert (f"has(self.{name}) == has(oldSelf.{name})" in rule) == optional
