"""The command line: help, version, and mistakes that are named without a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from podman_checkpoint_operator.agent.settings import Settings
from podman_checkpoint_operator.cli.main import main


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["run", *argv]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error


def test_help_names_every_setting_and_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--help"])
    assert caught.value.code == 0
    text = "".join(capsys.readouterr().out.split())
    for name in Settings.model_fields:
        assert f"--{name.replace('_', '-')}" in text
        assert f"PODMAN_CHECKPOINT_{name.upper()}" in text


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip()


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_a_wrong_flag_is_named_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, "--max-operations", "many")
    assert "--max-operations (PODMAN_CHECKPOINT_MAX_OPERATIONS):" in error
    assert "got 'many'" in error


def test_a_wrong_variable_is_named_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODMAN_CHECKPOINT_PODMAN_URL", "tcp://127.0.0.1:8080")
    error = refused(capsys)
    assert "PODMAN_CHECKPOINT_PODMAN_URL" in error
    assert "unix:///run/podman/podman.sock" in error


def test_without_credentials_it_says_where_to_put_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    socket = tmp_path / "podman.sock"
    error = refused(capsys, "--podman-url", f"unix://{socket}", "--state-dir", str(tmp_path))
    assert "Set KUBECONFIG" in error
    assert "socket does not exist yet" in error
    assert f"url=unix://{socket}" in error
