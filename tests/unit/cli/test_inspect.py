"""``inspect``: an archive as text or JSON from a file or a pipe; the status tells its state."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.cli.main import main
from tests.unit.archive.checkpoints import ID, archive, make_sources
from tests.unit.criu.checkpoint_images import IMAGES, SECRET
from tests.unit.criu.test_statistics import DUMP

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    sources = make_sources(tmp_path)
    for name, image in IMAGES.items():
        (sources.checkpoint_dir / name).write_bytes(image)
    (tmp_path / "upper" / f"a\x1b[2J\nPASSWORD={SECRET}").touch()
    assert sources.stats_dump is not None
    sources.stats_dump.write_bytes(DUMP)
    return archive(sources, Compression.ZSTD)[0]


@pytest.fixture
def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "saved.tar.zst"
    path.write_bytes(content)
    return path


def test_text_tells_all_of_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (
        f"Container:   sql1 {ID}",
        "Port:        *:15432 -> 5432/tcp and 1 more",
        "Bind mount:  /srv/mssql at /var/opt/mssql, not in the archive",
        "Volume:      data at /var/lib/data, 1 files, 4 bytes",
        "Holds:       1 established TCP connections: restore with tcpEstablished",
        "Holds:       2 file locks: restore with fileLocks",
        "Statistics:  frozen 115.4 ms, memory dumped in 0.4 ms, 33 of 49 pages written",
        "Processes (3, 4 threads):",
        "  1 sh (/bin/busybox, uid 0, 2 threads, 20.0 KiB of memory)",
        "    8 server (/bin/busybox, uid 999)",
        "        0 inet 127.0.0.1:7777 -> 127.0.0.1:41010",
        "  tcp established 127.0.0.1:7777 -> 127.0.0.1:41010 (PID 8)",
        "  /data (/dev/vda, content outside)",
    ):
        assert line in lines


def test_names_cannot_command_the_terminal_or_carry_secrets(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", str(file)])
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert r"  /a\x1b[2J\nPASSWORD=<hidden>" in text
    main(["inspect", "-o", "json", str(file)])
    assert SECRET not in text + capsys.readouterr().out


def test_json_is_the_report(
    content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert main(["inspect", "-o", "json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["container"]["name"] == "sql1"
    assert told["checkpoint"]["processes"][1]["files"][0]["type"] == "inet"
    assert told["origin"]["namespace"] == "default"


@pytest.mark.parametrize(
    ("kept", "status", "message"),
    [(100, 1, "cut off"), (0, 1, "it is empty"), (None, 2, "No such file or directory")],
)
def test_the_exit_status_tells_what_is_wrong(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    kept: int | None,
    status: int,
    message: str,
) -> None:
    if kept is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:kept])
    assert main(["inspect", str(file)]) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert str(file) in shown.err
    assert "Traceback" not in shown.err


def test_damage_inside_is_shown_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd.tar"
    file.write_bytes(archive(make_sources(tmp_path))[0])  # whose statistics are none
    assert main(["inspect", str(file)]) == 1
    shown = capsys.readouterr().out
    assert "Container:   sql1" in shown
    assert "Incomplete:\n  stats-dump: " in shown
