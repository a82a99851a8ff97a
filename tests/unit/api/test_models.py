"""The models refuse and admit what the CRDs do, by the table that the real API server is held to.

Also: names in YAML, defaults, the samples, and that a status written by a newer agent can be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from podman_checkpoint_operator.api.checkpoint import (
    CheckpointSpec,
    CheckpointStatus,
    GhostLimit,
)
from podman_checkpoint_operator.api.common import ContainerRef, to_camel
from podman_checkpoint_operator.api.names import CHECKPOINTS, RESTORES
from podman_checkpoint_operator.api.restore import RestoreSpec, published
from tests import specs

if TYPE_CHECKING:
    from podman_checkpoint_operator.api.common import SpecPart

SPECS: dict[str, type[SpecPart]] = {CHECKPOINTS.kind: CheckpointSpec, RESTORES.kind: RestoreSpec}


@pytest.mark.parametrize("case", specs.REFUSED, ids=str)
def test_a_wrong_spec_is_refused_with_the_cure(case: specs.Case) -> None:
    with pytest.raises(ValidationError) as refusal:
        SPECS[case.kind].model_validate(case.spec)

    assert case.message in str(refusal.value)


@pytest.mark.parametrize("case", specs.ADMITTED, ids=str)
def test_a_right_spec_comes_back_as_it_was(case: specs.Case) -> None:
    model = SPECS[case.kind].model_validate(case.spec)

    assert SPECS[case.kind].model_validate(model.dump()) == model
    for field, value in case.spec.items():
        if not isinstance(value, dict):
            assert model.dump()[field] == value


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(sample, id=f"{file.parent.name}/{file.name}")
        for file, sample in specs.samples()
    ],
)
def test_samples_are_right(sample: dict[str, Any]) -> None:
    SPECS[sample["kind"]].model_validate(sample["spec"])


@pytest.mark.parametrize(
    ("python", "yaml"),
    [
        ("uri", "uri"),
        ("node_name", "nodeName"),
        ("ignore_root_fs", "ignoreRootFS"),
        ("ignore_static_ip", "ignoreStaticIP"),
        ("ignore_static_mac", "ignoreStaticMAC"),
        ("image_id", "imageID"),
        ("id", "id"),
    ],
)
def test_names_in_yaml(python: str, yaml: str) -> None:
    assert to_camel(python) == yaml


def test_what_podman_looks_a_container_up_by() -> None:
    assert ContainerRef(name="sql1").key == "sql1"
    assert ContainerRef(id="0123456789ab").key == "0123456789ab"


def test_the_ghost_limit_in_bytes() -> None:
    written = GhostLimit(limit="40M", max="1Gi")
    assert (written.limit_bytes, written.max_bytes) == (40_000_000, 2**30)

    absent = GhostLimit()
    assert (absent.limit_bytes, absent.max_bytes) == (None, 2**30)


def test_a_spec_cannot_be_changed_once_read() -> None:
    spec = CheckpointSpec.model_validate(specs.checkpoint())
    with pytest.raises(ValidationError, match="frozen"):
        spec.leave_running = True


def test_a_status_of_a_newer_agent_can_be_read() -> None:
    status = CheckpointStatus.model_validate(
        {
            "observedGeneration": 1,
            "tomorrow": {"field": 1},
            "container": {"id": "0", "name": "sql1", "colour": "red"},
        }
    )

    assert status.dump()["container"] == {"id": "0", "name": "sql1"}
    assert "tomorrow" not in status.dump()


def test_a_condition_is_found_by_its_type() -> None:
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Checkpointed",
        "message": "",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }
    status = CheckpointStatus.model_validate({"conditions": [condition]})

    ready = status.condition("Ready")
    assert ready is not None
    assert ready.dump() == condition
    assert status.condition("Stalled") is None


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("1433", []),
        ("127.0.0.1::5432", []),
        ("1433:1433", [("", "tcp", 1433)]),
        ("127.0.0.1:15432:5432/udp", [("127.0.0.1", "udp", 15432)]),
        ("[::1]:8000-8001:80-81/sctp", [("::1", "sctp", 8000), ("::1", "sctp", 8001)]),
    ],
)
def test_published_ports_on_the_host(port: str, expected: list[tuple[str, str, int]]) -> None:
    assert list(published([port])) == expected
