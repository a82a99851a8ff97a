"""Settings come from flags and the environment, and a wrong one is named with what to write."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from podman_checkpoint_operator.agent.settings import Settings


def test_defaults_suit_an_ordinary_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Host-A.example.org")
    settings = Settings()
    assert settings.node_name == "host-a.example.org"
    assert settings.podman_url == "unix:///run/podman/podman.sock"
    assert settings.host_root == Path("/")


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODMAN_CHECKPOINT_MAX_OPERATIONS", "5")
    monkeypatch.setenv("PODMAN_CHECKPOINT_NODE_NAME", "from-environment")
    settings = Settings(node_name="from-flag")
    assert (settings.max_operations, settings.node_name) == (5, "from-flag")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("podman_url", "tcp://127.0.0.1:8080"),
        ("podman_url", "unix://relative.sock"),
        ("host_root", "host"),
        ("state_dir", "state"),
        ("max_operations", 0),
        ("liveness", "healthz"),
        ("metrics", "127.0.0.1:8089"),
        ("log_level", "LOUD"),
        ("node_name", ""),
        ("node_name", "host_a"),
        ("colour", "blue"),
    ],
)
def test_what_cannot_work_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**{name: value})
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


def test_a_host_name_that_no_object_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "host_a")

    with pytest.raises(ValidationError, match="lower-case letters"):
        Settings()
