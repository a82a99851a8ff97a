"""From a command line to a spec: every field can be asked for, and bad ones are refused.

``--dry-run=client`` shows what would be sent, and asks no cluster where the namespace is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from podman_checkpoint_operator.cli.plugin.program import main
from tests import specs
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

DRY = ("-n", "default", "--dry-run=client", "-o", "yaml")
CREATE = ("create", "sql1", "--node", "host-a")
RESTORE = ("restore", "--from", "saved", "--node", "host-b")


def made(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Return the manifest that a command line makes."""
    assert main([*words, *DRY]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    manifest: dict[str, Any] = yaml.safe_load(captured.out)
    return manifest


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, *DRY]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def leaves(schema: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, field in schema["properties"].items():
        path = f"{above}{name}"
        yield from leaves(field, f"{path}.") if "properties" in field else [path]


def paths_of(value: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, field in value.items():
        path = f"{above}{name}"
        yield from paths_of(field, f"{path}.") if isinstance(field, dict) else [path]


def fields_of_crd(plural: str) -> set[str]:
    crd = yaml.safe_load((CHECKOUT / "crds" / f"{plural}.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return set(leaves(schema["properties"]["spec"]))


def test_every_field_of_a_checkpoint_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    by_name = made(
        capsys,
        *(*CREATE, "--leave-running", "--tcp-established", "--file-locks", "--pre-copy"),
        *("--ghost-limit", "40M", "--ghost-limit-max", "1Gi", "--ghost-limit-policy", "Auto"),
        *("--archive", "--compression", "gzip", "--include-bind-mounts", "--ignore-rootfs"),
        *("--ignore-volumes", "--deletion-policy", "Delete", "--time-limit", "1h"),
        *("--pre-checkpoint", "psql -Xqc 'select 1'", "--post-checkpoint", "true"),
        *("--hook-timeout", "90s", "--hook-on-error", "Continue", "--suspend"),
    )
    by_id = made(capsys, "create", "0123456789ab", "--node", "host-a")
    asked = set(paths_of(by_name["spec"])) | set(paths_of(by_id["spec"]))
    assert asked == fields_of_crd("containercheckpoints")
    assert by_name["spec"]["timeoutSeconds"] == 3600
    assert by_name["spec"]["hooks"]["preCheckpoint"] == {
        "exec": {"command": ["psql", "-Xqc", "select 1"]},
        "timeoutSeconds": 90,
        "onError": "Continue",
    }


def test_every_field_of_a_restore_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    manifests = (
        made(
            capsys,
            *(*RESTORE, "--tcp-close", "--file-locks", "--new-name", "sql2", "--pod", "p1"),
            *("-p", "1434:1433", "--publish", "8080", "--existing-container", "Replace"),
            *("--use-existing-bind-mounts", "--ignore-rootfs", "--ignore-volumes"),
            *("--ignore-static-ip", "--ignore-static-mac", "--time-limit", "30"),
            *("--verify", "true", "--verify-timeout", "5s", "--suspend"),
        ),
        made(capsys, *RESTORE, "--tcp-established"),
        made(
            capsys,
            *("restore", "--archive", "file:///a.tar", "--digest", specs.DIGEST),
            *("--node", "host-b"),
        ),
        made(capsys, "restore", "--container", "sql1", "--node", "host-a"),
        made(capsys, "restore", "--container", "0123456789ab", "--node", "host-a"),
    )
    asked = {path for each in manifests for path in paths_of(each["spec"])}
    assert asked == fields_of_crd("containerrestores")
    assert manifests[0]["spec"]["publishPorts"] == ["1434:1433", "8080"]


def test_only_what_is_asked_for_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert made(capsys, *CREATE)["spec"] == {
        "nodeName": "host-a",
        "containerRef": {"name": "sql1"},
    }
    assert made(capsys, *CREATE, "--leave-running")["spec"]["archive"] == {}


def test_names_and_labels(capsys: pytest.CaptureFixture[str]) -> None:
    given = made(capsys, *CREATE, "--name", "before", "-l", "app=sql", "-l", "empty=")["metadata"]
    assert given == {
        "name": "before",
        "namespace": "default",
        "labels": {"app": "sql", "empty": ""},
    }
    made_up = made(capsys, "create", "My_Sql.1", "--node", "host-a")["metadata"]["name"]
    assert made_up.startswith("my-sql-1-2")
    first = made(capsys, *RESTORE)["metadata"]["name"]
    assert first.startswith("saved-")
    assert first != made(capsys, *RESTORE)["metadata"]["name"]


def test_a_checkpoint_as_other_commands_print_it(capsys: pytest.CaptureFixture[str]) -> None:
    printed = "containercheckpoint.podman-checkpoint.dev/saved"
    manifest = made(capsys, "restore", "--from", printed, "--node", "host-b")
    assert manifest["spec"]["source"] == {"checkpointRef": {"name": "saved"}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*CREATE, "--ignore-volumes"), "ignoreRootFS and ignoreVolumes need archive"),
        ((*CREATE, "--post-checkpoint", "true"), "hooks.postCheckpoint needs leaveRunning"),
        ((*CREATE, "--deletion-policy", "Delete"), "deletionPolicy Delete needs archive"),
        ((*CREATE, "--ghost-limit", "40MB"), "spec.ghostLimit.limit"),
        ((*CREATE, "--ghost-limit-policy", "Fixed"), "policy Fixed needs limit"),
        ((*CREATE, "--time-limit", "soon"), "invalid duration"),
        ((*CREATE, "--time-limit", "48h"), "spec.timeoutSeconds"),
        ((*CREATE, "--pre-checkpoint", "echo '"), "cannot read the command"),
        ((*CREATE, "--pre-checkpoint", ""), "spec.hooks.preCheckpoint.exec.command"),
        ((*CREATE, "--label", "x"), "invalid label"),
        ((*CREATE, "--wait"), "--wait and --dry-run exclude each other"),
        ((*CREATE, "--wait", "--suspend"), "--wait and --suspend exclude"),
        (("create", "a b", "--node", "host-a"), "spec.containerRef.name"),
        (("create", "sql1", "--node", "Host_A"), "spec.nodeName"),
        ((*RESTORE, "--tcp-established", "--tcp-close"), "exclude each other"),
        ((*RESTORE, "--tcp-established", "--new-name", "b"), "tcpEstablished excludes name"),
        ((*RESTORE, "-p", "70000:1"), "spec.publishPorts.0: write [[address:]hostPort:]"),
        ((*RESTORE, "--verify-timeout", "3s"), "--verify-timeout needs --verify"),
        ((*RESTORE, "--container", "sql1"), "exactly one of --from, --archive and --container"),
        (("restore", "--node", "host-a"), "exactly one of --from, --archive and --container"),
        (("restore", "--container", "a"), "--node is needed"),
        (("restore", "--archive", "file:///a", "--node", "host-a"), "need each other"),
        (("restore", "--container", "a", "--node", "h", "-p", "1:1"), "need an archive"),
        (("restore", "--from", "crst/saved", "--node", "h"), "--from takes a checkpoint"),
    ],
)
def test_what_the_api_would_refuse_is_refused_with_its_words(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, *words)
    assert message in said
    assert said.startswith(("error: ", 'The ContainerCheckpoint "', 'The ContainerRestore "'))
