"""The API as a user of kubectl meets it, on the lab's real API server.

What is refused, with which message; defaults; what cannot be changed; what ``kubectl get`` and
``kubectl explain`` show; selecting by host. No agent takes part: the resources name a host that has
none. Statuses are written as an agent would write them.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from podman_checkpoint_operator.api.checkpoint import CheckpointSpec, CheckpointStatus
from podman_checkpoint_operator.api.conditions import failed, progressing, succeeded
from podman_checkpoint_operator.api.names import CHECKPOINTS, GROUP, RESTORES
from podman_checkpoint_operator.api.reasons import Cause, Reason
from podman_checkpoint_operator.api.restore import RestoreSpec
from tests import specs
from tests.lab.kubectl import kubectl

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

    from podman_checkpoint_operator.api.common import SpecPart

    Create = Callable[[str, Mapping[str, Any]], str]

pytestmark = pytest.mark.lab

MODELS: dict[str, type[SpecPart]] = {CHECKPOINTS.kind: CheckpointSpec, RESTORES.kind: RestoreSpec}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def try_to_create(kind: str, spec: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    body = json.dumps(specs.manifest(kind, "try", spec))
    return kubectl(
        *("create", "--dry-run=server", "--output=json", "--filename=-"), stdin=body, check=False
    )


@pytest.fixture
def create() -> Iterator[Create]:
    """Create a resource and return ``kind/name``; all are deleted at the end."""
    made: list[str] = []

    def make(kind: str, spec: Mapping[str, Any]) -> str:
        name = f"api-test-{secrets.token_hex(4)}"
        kubectl("create", "--filename=-", stdin=json.dumps(specs.manifest(kind, name, dict(spec))))
        made.append(f"{kind}/{name}")
        return made[-1]

    yield make
    if made:
        kubectl("delete", *made)


def get(what: str) -> dict[str, Any]:
    found = json.loads(kubectl("get", what, "--output=json").stdout)
    assert isinstance(found, dict)
    return found


def report(what: str, status: Mapping[str, Any]) -> None:
    kubectl(
        *("patch", what, "--subresource=status", "--type=merge"),
        *("--patch", json.dumps({"status": status})),
    )


@pytest.mark.parametrize("case", specs.REFUSED, ids=str)
def test_a_wrong_spec_is_refused_with_the_field_and_the_cure(case: specs.Case) -> None:
    answer = try_to_create(case.kind, case.spec)

    assert answer.returncode != 0
    said = " ".join(answer.stderr.split())
    assert case.message in said
    assert case.field in said
    assert "internal error" not in said.lower()


@pytest.mark.parametrize("case", specs.ADMITTED, ids=str)
def test_a_right_spec_is_admitted_and_read_by_the_model(case: specs.Case) -> None:
    answer = try_to_create(case.kind, case.spec)

    assert answer.returncode == 0, answer.stderr
    assert MODELS[case.kind].model_validate(json.loads(answer.stdout)["spec"]) == MODELS[
        case.kind
    ].model_validate(case.spec)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [(CHECKPOINTS.kind, specs.checkpoint(archive={})), (RESTORES.kind, specs.restore())],
)
def test_defaults_are_shown(kind: str, spec: dict[str, Any]) -> None:
    shown = json.loads(try_to_create(kind, spec).stdout)["spec"]

    defaults = MODELS[kind].model_validate(spec).dump()
    defaults.pop("publishPorts", None)  # an empty list is not shown
    assert shown == defaults


def test_samples_are_admitted() -> None:
    done = kubectl(
        "create", "--dry-run=server", "--output=name", "--recursive", f"--filename={specs.SAMPLES}"
    )

    assert len(done.stdout.split()) == len(list(specs.samples())) >= 16


@pytest.mark.parametrize(
    ("kind", "spec", "change"),
    [
        (CHECKPOINTS.kind, specs.checkpoint(), {"nodeName": "elsewhere"}),
        (CHECKPOINTS.kind, specs.checkpoint(), {"containerRef": {"name": "sql2"}}),
        (CHECKPOINTS.kind, specs.checkpoint(), {"timeoutSeconds": 1}),
        (CHECKPOINTS.kind, specs.checkpoint(), {"archive": {}}),
        (CHECKPOINTS.kind, specs.checkpoint(archive={}), {"archive": None}),
        (CHECKPOINTS.kind, specs.checkpoint(), {"ghostLimit": {"max": "2Gi"}}),
        (RESTORES.kind, specs.restore(), {"nodeName": "elsewhere"}),
        (RESTORES.kind, specs.restore(), {"source": {"checkpointRef": {"name": "other"}}}),
        (RESTORES.kind, specs.restore(), {"publishPorts": ["1:1"]}),
    ],
)
def test_a_spec_cannot_be_changed(
    create: Create, kind: str, spec: dict[str, Any], change: dict[str, Any]
) -> None:
    what = create(kind, spec)

    patch = json.dumps({"spec": change})
    answer = kubectl("patch", what, "--type=merge", f"--patch={patch}", check=False)

    assert answer.returncode != 0
    assert f"spec is immutable but for suspend: create a new {kind}" in answer.stderr


def test_applying_the_same_again_changes_nothing(create: Create) -> None:
    spec = specs.checkpoint(archive={}, ghostLimit={"limit": "40M"})
    what = create(CHECKPOINTS.kind, spec)
    before = get(what)

    name = what.partition("/")[2]
    same = json.dumps(specs.manifest(CHECKPOINTS.kind, name, spec))
    kubectl("apply", "--server-side", "--filename=-", stdin=same)

    assert get(what)["metadata"]["generation"] == before["metadata"]["generation"] == 1
    assert get(what)["spec"] == before["spec"]


def test_a_user_cannot_write_the_status_with_the_spec(create: Create) -> None:
    what = create(CHECKPOINTS.kind, specs.checkpoint())

    patch = json.dumps({"status": {"observedGeneration": 1}})
    kubectl("patch", what, "--type=merge", f"--patch={patch}")

    assert "status" not in get(what)


def test_a_host_sees_its_own_resources_only(create: Create) -> None:
    suffix = secrets.token_hex(4)
    here, there = f"here-{suffix}", f"there-{suffix}"
    for kind, minimal in (
        (CHECKPOINTS.kind, specs.checkpoint()),
        (RESTORES.kind, specs.restore()),
    ):
        own = create(kind, {**minimal, "nodeName": here})
        create(kind, {**minimal, "nodeName": there})

        listed = kubectl(
            "get", kind, f"--field-selector=spec.nodeName={here}", "--output=name"
        ).stdout.split()

        assert [each.rpartition("/")[2] for each in listed] == [own.partition("/")[2]]


def columns(what: str, *options: str) -> dict[str, str]:
    """Return what ``kubectl get`` shows, by the name of the column."""
    head, row = kubectl("get", what, *options).stdout.splitlines()
    starts = [word.start() for word in re.finditer(r"\S+", head)]
    ends = [*starts[1:], None]
    return {
        head[start:end].strip(): row[start:end].strip()
        for start, end in zip(starts, ends, strict=True)
    }


def story(what: str, *options: str) -> dict[str, str]:
    return {
        key: text for key, text in columns(what, *options).items() if key not in ("NAME", "AGE")
    }


def test_get_tells_the_story_of_a_checkpoint(create: Create) -> None:
    what = create(CHECKPOINTS.kind, specs.checkpoint(archive={}))
    named = {"CONTAINER": "sql1", "NODE": specs.NOBODY}
    assert story(what) == {**named, "READY": "", "REASON": ""}

    conditions = progressing(
        [], reason=Reason.CHECKPOINTING, message="Freezing", generation=1, now=NOW
    )
    report(what, {"conditions": conditions})
    assert story(what) == {**named, "READY": "Unknown", "REASON": "Checkpointing"}

    conditions = succeeded(
        conditions, reason=Reason.ARCHIVE_STORED, message="Stored", generation=1, now=NOW
    )
    archive = {
        "uri": "file:///srv/a.tar.zst",
        "sizeBytes": 5000000000,
        "digest": specs.DIGEST,
        "compression": "zstd",
    }
    report(what, {"conditions": conditions, "archive": archive})
    assert story(what) == {**named, "READY": "True", "REASON": "ArchiveStored"}
    wide = story(what, "--output=wide")
    assert (wide["SIZE"], wide["ARCHIVE"], wide["MESSAGE"]) == (
        "5000000000",
        "file:///srv/a.tar.zst",
        "Stored",
    )


@pytest.mark.parametrize("kind", [CHECKPOINTS.kind, RESTORES.kind])
def test_a_container_is_shown_by_its_name_only(create: Create, kind: str) -> None:
    """As in a drain, whose checkpoints give the ID: all of its 64 digits would fill a line."""

    def shown(reference: dict[str, str], container: dict[str, str] | None = None) -> str:
        spec = {"containerRef": reference}
        what = create(
            kind,
            specs.checkpoint(**spec) if kind == CHECKPOINTS.kind else specs.restore(source=spec),
        )
        if container:
            report(what, {"container": container})
        return columns(what)["CONTAINER"]

    container = {"id": "0" * 64, "name": "sql1"}
    assert shown({"id": container["id"]}) == ""
    assert shown({"id": container["id"]}, container) == "sql1"
    assert shown({"name": "sql1"}) == "sql1"
    assert shown({"name": "sql1"}, container) == "sql1"


def test_get_tells_the_story_of_a_restore(create: Create) -> None:
    what = create(RESTORES.kind, specs.restore())
    conditions = failed([], cause=Cause.PORT_IN_USE, message="Taken", generation=1, now=NOW)
    container = {"id": "0" * 64, "name": "sql1"}
    report(what, {"conditions": conditions, "container": container})

    assert story(what) == {
        "CONTAINER": "sql1",
        "NODE": specs.NOBODY,
        "READY": "False",
        "REASON": "PortInUse",
    }
    assert columns(what, "--output=wide")["CHECKPOINT"] == "before"


def test_a_whole_status_is_kept(create: Create) -> None:
    """Every field of the model gets past the schema: nothing is pruned on the way."""
    what = create(CHECKPOINTS.kind, specs.checkpoint(archive={}))
    written = CheckpointStatus.model_validate(
        {
            "observedGeneration": 1,
            "conditions": failed(
                [], cause=Cause.GHOST_FILE_TOO_LARGE, message="", generation=1, now=NOW
            ),
            "startTime": NOW,
            "completionTime": NOW,
            "preflight": [{"check": "DiskSpace", "result": "Warn", "message": "nearly full"}] * 2,
            "container": {
                "id": "0" * 64,
                "name": "sql1",
                "image": "localhost/sql:1",
                "imageID": "1" * 64,
                "runtime": "runc",
            },
            "host": {
                "podmanVersion": "5.4.2",
                "criuVersion": "4.2.1",
                "kernelVersion": "6.12",
                "architecture": "amd64",
            },
            "archive": {
                "uri": "file:///srv/a b.tar",
                "sizeBytes": 0,
                "digest": specs.DIGEST,
                "compression": "none",
            },
            "ghostLimit": {
                "limitBytes": 2**40,
                "configFile": "/etc/criu/runc.conf",
                "predictedBytes": 1,
                "attempts": [{"path": "/var/opt/x", "sizeBytes": 20975616, "limitBytes": 1048576}],
            },
            "statistics": {
                "frozenMicroseconds": 1,
                "memdumpMicroseconds": 2,
                "memwriteMicroseconds": 3,
                "pagesScanned": 4,
                "pagesWritten": 5,
                "pausedMicroseconds": 6,
            },
            "volumes": [
                {"type": "bind", "source": "/srv", "destination": "/data", "included": False}
            ],
            "diagnosis": {"cause": "GhostFileTooLarge", "evidence": "Error …", "remedy": "Set …"},
        }
    )

    report(what, written.dump())

    assert get(what)["status"] == written.dump()


def test_explain_teaches() -> None:
    text = " ".join(kubectl("explain", "cckpt.spec.ghostLimit").stdout.split())

    for taught in ("deleted", "CRIU", "enum: Auto, Fixed, Disabled", "40M", "Default: 1Gi"):
        assert taught in text


@pytest.mark.parametrize("category", ["podman", "checkpoint"])
def test_both_kinds_are_found_by_category(create: Create, category: str) -> None:
    made = {create(CHECKPOINTS.kind, specs.checkpoint()), create(RESTORES.kind, specs.restore())}

    listed = kubectl("get", category, "--output=name").stdout.split()

    names = {each.rpartition("/")[2] for each in listed}
    assert {each.partition("/")[2] for each in made} <= names


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("viewer", "get cckpt, list crst, get phost", "create cckpt, create crst, patch phost"),
        ("host-viewer", "list phost", "get cckpt, get crst, patch phost"),
        ("editor", "create cckpt, delete cckpt, get crst", "create crst, patch crst, patch phost"),
        ("restorer", "create crst, get cckpt, get phost", "create cckpt, patch phost"),
        ("admin", "create crst, delete cckpt, patch phost", "get secrets, create clusterroles"),
    ],
)
def test_roles_of_people(role: str, may: str, may_not: str) -> None:
    user = f"api-test-{secrets.token_hex(4)}"
    kubectl(
        *("create", "clusterrolebinding", user, f"--user={user}"),
        f"--clusterrole=podman-checkpoint-{role}",
    )
    try:
        answers = {
            asked: kubectl("auth", "can-i", *asked.split(), f"--as={user}", check=False)
            for asked in (*may.split(", "), *may_not.split(", "))
        }
    finally:
        kubectl("delete", "clusterrolebinding", user)

    allowed = [asked for asked, answer in answers.items() if answer.stdout.strip() == "yes"]
    assert allowed == may.split(", ")


def test_kustomize_finds_everything_without_flags() -> None:
    rendered = kubectl("kustomize", str(specs.SAMPLES.parent / "base")).stdout

    for name in (f"{CHECKPOINTS.plural}.{GROUP}", f"{RESTORES.plural}.{GROUP}"):
        assert f"\n  name: {name}\n" in rendered
    assert "\n  name: podman-checkpoint-agent\n" in rendered
    assert "\n  name: podman-checkpoint-system\n" in rendered
