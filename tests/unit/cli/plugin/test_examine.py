"""``inspect`` and ``diagnose``: of files as the agent's command, of resources by their status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.cli.plugin import examine
from podman_checkpoint_operator.cli.plugin.cluster import Cluster
from podman_checkpoint_operator.cli.plugin.program import main
from tests.unit.archive.checkpoints import ID, archive, make_sources
from tests.unit.cli.plugin import resources
from tests.unit.criu.checkpoint_images import IMAGES
from tests.unit.criu.test_statistics import DUMP

TOLD = (
    "(00.000001) Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks!"
    " You can try --file-locks to dump them.\n"
)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cluster has under the name ``saved``."""
    known: dict[str, Any] = resources.checkpoint(**resources.ready())

    def find(_: Cluster, __: object, name: str) -> dict[str, Any] | None:
        return known if name == "saved" else None

    monkeypatch.setattr(Cluster, "find", find)
    return known


def test_a_checkpoint_by_its_status(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", "saved"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "Archive:     186.4 MiB, zstd",
        f"             {resources.DIGEST}",
        "Container:   web",
        "Runtime:     runc",
        "Taken:       2026-11-23T04:01:58Z on host-a, ContainerCheckpoint default/saved",
        "Mount:       bind /srv/web at /web, not included: on the host",
    ):
        assert line in lines
    assert main(["inspect", "saved", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == found["status"]


def test_a_failure_is_explained(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    found["status"] = resources.failed()
    assert main(["diagnose", "saved"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("cckpt/saved: the checkpoint of web on host-a has failed\n")
    assert "  Cause:      TCPEstablished\n" in text
    assert main(["diagnose", "saved", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "TCPEstablished"


def test_what_has_not_failed(found: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "saved"]) == 0
    text = capsys.readouterr().out
    assert "has not failed" in text
    assert "Warn:       HealthCheck: it has one" in text
    found["status"] = resources.working("Queued", "others go first")
    assert main(["diagnose", "saved"]) == 0
    assert "has not ended (Queued)" in capsys.readouterr().out


def test_an_unknown_cause(found: dict[str, Any]) -> None:
    found["status"] = resources.failed()
    found["status"]["diagnosis"]["cause"] = "Unknown"
    assert main(["diagnose", "saved"]) == 2


@pytest.mark.usefixtures("found")
def test_no_such_resource(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "other"]) == 1
    assert capsys.readouterr().err == (
        "Error from server (NotFound):"
        ' containercheckpoints.podman-checkpoint.dev "other" not found\n'
    )


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, bad, whole = (tmp_path / name for name in ("dump.log", "bad.tar", "whole.tar.zst"))
    log.write_text(TOLD)
    bad.write_bytes(b"\x7fELF" * 1000)
    sources = make_sources(tmp_path)
    for name, image in IMAGES.items():
        (sources.checkpoint_dir / name).write_bytes(image)
    assert sources.stats_dump is not None
    sources.stats_dump.write_bytes(DUMP)
    whole.write_bytes(archive(sources, Compression.ZSTD)[0])

    assert main(["diagnose", str(log)]) == 0
    assert "Cause:     FileLocks" in capsys.readouterr().out
    assert main(["inspect", str(whole)]) == 0
    assert f"Container:   sql1 {ID}" in capsys.readouterr().out
    assert main(["inspect", str(bad)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {bad}: ")
    assert main(["diagnose", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_what_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").touch()
    for word in ("-", "./x", "/x", "a/b.log", "there"):
        assert examine.is_file(word)
    for word in (
        "saved",
        "cckpt/saved",
        "restore/x",
        "containercheckpoint.podman-checkpoint.dev/x",
    ):
        assert not examine.is_file(word)
