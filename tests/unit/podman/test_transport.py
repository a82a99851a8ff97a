"""Whatever happens to a request becomes an answer or one of four errors, in time.

Served by a real HTTP server on a real UNIX socket. Not here: a real Podman; see tests/e2e.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.podman.transport import Transport
from podman_checkpoint_operator.reconcilers.podman_port import (
    NotFound,
    PodmanError,
    PodmanTimedOut,
    PodmanUnreachable,
)
from tests.unit.podman.libpod import Request, serving

REFUSAL = {"cause": "volume is being used", "message": "volume data is being used", "response": 409}


def test_an_answer_is_decoded_and_the_query_arrives(tmp_path: Path) -> None:
    with serving(tmp_path, lambda _: (200, {"Id": "abc"})) as libpod:
        answer = Transport(libpod.url).get("containers/db/json", all="true")
    assert answer == {"Id": "abc"}
    (request,) = libpod.requests
    assert (request.path, request.query) == ("containers/db/json", {"all": ["true"]})


@pytest.mark.parametrize("status", [204, 304])
def test_an_empty_answer_is_none(tmp_path: Path, status: int) -> None:
    """304 is Podman's way to say that a container runs, or is stopped, already."""
    with serving(tmp_path, lambda _: (status, b"")) as libpod:
        assert Transport(libpod.url).post("containers/db/start") is None


@pytest.mark.parametrize(
    ("status", "content", "kind", "message"),
    [
        (404, {"message": "no such container"}, NotFound, "no such container"),
        (409, REFUSAL, PodmanError, "volume data is being used"),
        (500, b"runtime error: invalid memory address\n", PodmanError, "runtime error: invalid"),
        (500, b"", PodmanError, "HTTP status 500"),
        (500, ["odd"], PodmanError, "odd"),
    ],
)
def test_a_refusal_is_in_podmans_own_words(
    tmp_path: Path, status: int, content: Any, kind: type[PodmanError], message: str
) -> None:
    with (
        serving(tmp_path, lambda _: (status, content)) as libpod,
        pytest.raises(PodmanError, match=message) as caught,
    ):
        Transport(libpod.url).post("anything")
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_no_socket_is_unreachable_and_the_message_says_which(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/podman.sock"
    with pytest.raises(PodmanUnreachable) as caught:
        Transport(url).get("info")
    assert str(caught.value) == f"Podman at {url} cannot be reached: No such file or directory"


def test_a_socket_that_nobody_listens_on_is_unreachable(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as orphan:
        orphan.bind(str(tmp_path / "podman.sock"))
    with pytest.raises(PodmanUnreachable, match="Connection refused"):
        Transport(f"unix://{tmp_path}/podman.sock").get("info")


def test_a_service_that_vanishes_in_the_middle_of_a_call_is_unreachable(tmp_path: Path) -> None:
    def vanish(_: Request) -> tuple[int, Any]:
        raise ConnectionAbortedError

    with serving(tmp_path, vanish) as libpod, pytest.raises(PodmanUnreachable):
        Transport(libpod.url).post("containers/db/checkpoint")
    assert len(libpod.requests) == 1  # nothing is sent a second time behind our back


def test_no_answer_in_time_is_told_from_unreachable(tmp_path: Path) -> None:
    def never(_: Request) -> tuple[int, Any]:
        libpod.finished.wait()
        return 200, {}

    with serving(tmp_path, never) as libpod, pytest.raises(PodmanTimedOut, match="in time"):
        Transport(libpod.url).get("containers/db/json", timeout=0.05)
    assert len(libpod.requests) == 1


def test_an_answer_that_is_cut_off_is_unreachable(tmp_path: Path) -> None:
    with serving(tmp_path, lambda _: (200, b'{"Id": ')) as libpod, pytest.raises(PodmanError):
        Transport(libpod.url).get("containers/db/json")


def test_a_body_is_sent_in_chunks_as_a_tar(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 100_000

    with serving(tmp_path, lambda _: (200, {"Id": "abc"})) as libpod:
        Transport(libpod.url).post("containers/import/restore", body=chunks())
    (request,) = libpod.requests
    assert len(request.body) == 300_000
    assert request.headers["content-type"] == "application/x-tar"
    assert request.headers["transfer-encoding"] == "chunked"


def test_a_body_that_fails_breaks_the_request_off_with_its_own_error(tmp_path: Path) -> None:
    """So that Podman never takes the head of a corrupt archive for a whole one."""

    def corrupt() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise OperationFailed(Cause.ARCHIVE_CORRUPT, "wrong digest", "Use another")

    with (
        serving(tmp_path, lambda _: (200, {"Id": "abc"})) as libpod,
        pytest.raises(OperationFailed, match="wrong digest"),
    ):
        Transport(libpod.url).post("containers/import/restore", body=corrupt())
    assert not libpod.requests  # its end never came


def test_podman_may_refuse_before_it_has_read_the_body(tmp_path: Path) -> None:
    """As it does when a name is taken: the refusal counts, not the broken pipe."""
    refusal = (
        b'HTTP/1.1 500 E\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"message": "taken"}'
    )

    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 100_000

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "podman.sock"))
        listener.listen()

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(refusal)

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(PodmanError, match="taken") as caught:
            Transport(f"unix://{tmp_path}/podman.sock").post("restore", body=endless())
        thread.join()
    assert caught.value.status == 500
