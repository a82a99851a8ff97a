"""Messages of failures: several texts, with or without full stops and line breaks, as prose."""

from __future__ import annotations

import errno

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed, from_os_error, sentences


@pytest.mark.parametrize(
    ("texts", "prose"),
    [
        (("it is gone", "Look for it"), "it is gone. Look for it."),
        (("It is gone.", "Look for it."), "It is gone. Look for it."),
        (("Error (a.c:1): no\nError (b.c:2): no", ""), "Error (a.c:1): no. Error (b.c:2): no."),
        (("", ""), ""),
    ],
)
def test_sentences(texts: tuple[str, ...], prose: str) -> None:
    assert sentences(*texts) == prose


def test_a_failure_says_what_and_what_to_do() -> None:
    failure = OperationFailed(Cause.NO_SPACE, "the disk is full", "Free 2 GiB")
    assert failure.message == "the disk is full. Free 2 GiB."


def test_a_read_only_mount_of_the_agents_container_has_its_own_remedy() -> None:
    failure = from_os_error(OSError(errno.EROFS, "Read-only file system", "/host/srv/data"), "Lay")
    assert failure.cause is Cause.PERMISSION_DENIED
    assert "/host/srv/data" in failure.evidence
    assert "agent.hostPaths" in failure.remedy
