"""What looks like a secret is not repeated, and what does not is left as it is."""

from __future__ import annotations

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.criu.catalogue import diagnose_log, diagnose_podman
from podman_checkpoint_operator.criu.log import Phase
from podman_checkpoint_operator.criu.secrecy import HIDDEN, without_secrets
from podman_checkpoint_operator.decisions.failures import OperationFailed


@pytest.mark.parametrize(
    "text",
    [
        "initializing source docker://bob:hunter2@quay.io/x:1: refused",
        "https://bob:hun@hunter2@host/",
        "POSTGRES_PASSWORD=hunter2",
        "crun: MSSQL_SA_PASSWORD='hunter2 x' not found",
        '{"env": ["PGPASSWORD=hunter2 two"], "id": 1}',
        '{"AccessToken": "hunter2"}',
        "app --password hunter2 --verbose",
        "app --db-password=hunter2",
        '["app", "--password", "hunter2"]',
        "mount: options user=bob,password=hunter2,uid=0",
        "AWS_SECRET_ACCESS_KEY=hunter2/+a",
        "Authorization: Bearer hunter2hunter2",
    ],
)
def test_values_are_hidden(text: str) -> None:
    shown = without_secrets(text)
    assert "hunter2" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "Error (criu/files-reg.c:2353): Can't open file run/secrets/token on restore: No such file",
        "json: token: unexpected end",
        "open /a/password: no such file or directory",
        "Error (criu/tty.c:1830): tty: Found dangling tty with sid 1 pgid 1 (pts) on peer fd 0.",
        "/tmp/secret of 3145728 size, increase limit",
        "docker://localhost/lab/busybox:1: pinging container registry localhost",
        "cwd=/srv user=bob",
    ],
)
def test_everything_else_is_literal(text: str) -> None:
    assert without_secrets(text) == text


def test_evidence_and_remedy_are_without() -> None:
    path = "/data/PASSWORD=hunter2"
    log = (
        f"(00.1) Error (criu/files-reg.c:1031): Can't dump ghost file {path} of 7 size, "
        "increase limit\n"
    )
    found = diagnose_log(log, Phase.DUMP)
    assert found.cause is Cause.GHOST_FILE_TOO_LARGE
    assert "hunter2" not in found.evidence + found.remedy
    message = diagnose_podman("initializing source docker://bob:hunter2@quay.io/x:1: refused")
    assert "hunter2" not in message.evidence + message.remedy


def test_no_failure_of_an_operation_repeats_one() -> None:
    failed = OperationFailed(Cause.UNKNOWN, "exec: PASSWORD=hunter2: not found")
    assert "hunter2" not in f"{failed} {failed.evidence} {failed.message}"


@pytest.mark.parametrize("letter", ["x", ".", "-", '"', ":", "="])
def test_a_long_word_takes_no_time(letter: str) -> None:
    """Patterns that begin anew at every letter of it would not end within this test's limit."""
    assert without_secrets(letter * 1_000_000) == letter * 1_000_000
