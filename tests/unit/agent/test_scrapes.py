"""Scrapes are answered, also while Podman or the store hangs, and a taken address is named."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from podman_checkpoint_operator.agent import scrapes
from podman_checkpoint_operator.agent.metrics import Metrics
from podman_checkpoint_operator.agent.scrapes import Scrapes
from podman_checkpoint_operator.podman.service import PodmanService
from podman_checkpoint_operator.reconcilers.observer import Load
from podman_checkpoint_operator.reconcilers.podman_port import PodmanUnreachable
from podman_checkpoint_operator.stores.directory import DirectoryStore
from tests.unit.ports import free_port

REACHABLE = "podman_checkpoint_podman_reachable"
USABLE = 'podman_checkpoint_store_usable{store="default"}'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrapes, "_PATIENCE_SECONDS", 1.0)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What hangs hangs until this."""
    event = threading.Event()
    yield event
    event.set()


def served(
    store: Path,
    release: Callable[[], Any],
    *paths: str,
    url: str = "http://127.0.0.1:{}/metrics",
    afterwards: Callable[[], None] = lambda: None,
) -> list[tuple[int, str]]:
    """Serve metrics, and return status and text of what GETs of these paths answer."""
    podman = create_autospec(PodmanService, instance=True)
    podman.release.side_effect = release
    scrapes = Scrapes(Metrics("1"), Load(), podman, DirectoryStore(store))

    async def body() -> list[tuple[int, str]]:
        async with scrapes.served(url.format(port)):
            answers = [await asyncio.to_thread(get, port, path) for path in paths]
        afterwards()  # before the loop waits for its threads
        return answers

    port = free_port()
    return asyncio.run(body())


def get(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_healthy_host(tmp_path: Path) -> None:
    ((_, text),) = served(tmp_path, lambda: "5.4.2", "/metrics")
    assert f"{REACHABLE} 1.0" in text
    assert f"{USABLE} 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_podman_is_away_and_the_store_is_not_mounted(tmp_path: Path) -> None:
    def refuse() -> str:
        raise PodmanUnreachable("no socket")

    ((_, text),) = served(tmp_path / "nowhere", refuse, "/metrics")
    assert f"{REACHABLE} 0.0" in text
    assert f"{USABLE} 0.0" in text


def test_podman_that_hangs_is_asked_once_and_holds_up_no_scrape(
    tmp_path: Path, released: threading.Event
) -> None:
    asked = []

    def hang() -> str:
        asked.append(1)
        released.wait(60)
        return "5.4.2"

    answers = served(tmp_path, hang, "/metrics", "/metrics", afterwards=released.set)
    texts = [text for _, text in answers]
    assert all(f"{REACHABLE} 0.0" in text for text in texts)
    assert all(f"{USABLE} 1.0" in text for text in texts)
    assert len(asked) == 1


def test_nothing_else_is_served(tmp_path: Path) -> None:
    ((status, _),) = served(tmp_path, lambda: "5.4.2", "/")
    assert status == 404


def test_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ConnectionRefusedError):
        served(tmp_path, lambda: "5.4.2", "/metrics", url="")


def test_a_taken_address_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/metrics"
        with pytest.raises(OSError, match=r"in use.*metrics"):
            served(tmp_path, lambda: "5.4.2", url=url)
