"""``diagnose``: a log from a file or a pipe, explained as text or JSON; odd files are named."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
(00.000000) Parsing config file /etc/criu/runc.conf
(00.000046) Version: 4.2.1 (gitid 0)
(00.000051) Running on host-a Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC x86_64
"""
DUMP = """\
(00.049889) Dumping processes (pid: 149 comm: sh)
(00.061127) Dumping task (pid: 149 comm: sh)
"""
GHOST = "Error (criu/files-reg.c:1031): Can't dump ghost file /g of 3145728 size, increase limit"
FAILED = "(00.11) Error (criu/cr-dump.c:1975): Dumping FAILED.\n"
LOG = f"{HEAD}{DUMP}(00.062332) {GHOST}\n{FAILED}"
REFUSED = 2


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "dump.log"
    path.write_text(LOG)
    return path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["diagnose", *arguments]) == REFUSED
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return shown.err


class TestOutput:
    def test_text_tells_cause_evidence_remedy_and_subject(
        self, log: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["diagnose", str(log)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[:7] == [
            "Operation: dump, failed",
            "CRIU:      4.2.1",
            "Kernel:    6.18.44",
            "Options:   /etc/criu/runc.conf",
            "Process:   PID 149 sh",
            "Cause:     GhostFileTooLarge",
            f"Evidence:  {GHOST}",
        ]
        assert lines[7].startswith("Remedy:    ")
        assert lines[-1] == "Retry:     does not help"
        assert max(map(len, lines)) <= 100

    def test_json_has_every_field(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["diagnose", "-o", "json", str(log)]) == 0
        told = json.loads(capsys.readouterr().out)
        remedy = told.pop("remedy")
        assert told == {
            "phase": "dump",
            "succeeded": False,
            "criuVersion": "4.2.1",
            "kernelVersion": "6.18.44",
            "configFiles": ["/etc/criu/runc.conf"],
            "process": {"pid": 149, "comm": "sh"},
            "cause": "GhostFileTooLarge",
            "evidence": GHOST,
            "retry": False,
        }
        assert "3145728" in remedy

    def test_of_the_standard_input(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG.encode())))
        assert main(["diagnose", "-"]) == 0
        assert "GhostFileTooLarge" in capsys.readouterr().out

    def test_of_success_names_no_cause(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        log.write_text(HEAD + DUMP + "(00.2) Dumping finished successfully\n")
        assert main(["diagnose", str(log)]) == 0
        shown = capsys.readouterr().out
        assert "Operation: dump, successful" in shown
        assert "Cause" not in shown

    def test_of_an_unknown_failure_shows_the_first_errors(
        self, log: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log.write_text(f"{HEAD}{DUMP}(00.1) Error (criu/new.c:7): Nobody knows\n{FAILED}")
        assert main(["diagnose", str(log)]) == 1
        shown = capsys.readouterr().out
        assert "Cause:     Unknown" in shown
        assert "Evidence:  Error (criu/new.c:7): Nobody knows" in shown

    def test_the_name_tells_what_the_log_does_not(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "restore.log"
        path.write_text("(00.1) Error (criu/files-reg.c:1): File data/x has bad size 1 (expect 2)")
        assert main(["diagnose", "-o", "json", str(path)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["phase"], told["cause"]) == ("restore", "FileChanged")

    def test_a_message_of_podmans_is_explained_too(
        self, log: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log.write_text("Error: volume with name vol1 already exists. Use --ignore-volumes to ...\n")
        assert main(["diagnose", "-o", "json", str(log)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["phase"], told["cause"]) == (None, "VolumeInUse")

    def test_who_stops_reading_is_not_told_of_it(self, log: Path) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        child = os.fork()
        if not child:
            os.dup2(writing, 1)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - the child ends here
            os._exit(main(["diagnose", str(log)]) or 0)
        os.close(writing)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class TestOddFiles:
    def test_missing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        error = refusal(capsys, str(tmp_path / "dump.log"))
        assert error.endswith("dump.log: No such file or directory\n")

    def test_directory(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "is a directory" in refusal(capsys, str(tmp_path))

    def test_name_with_a_zero(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "null byte" in refusal(capsys, "a\0b")

    def test_empty(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        log.write_bytes(b"")
        error = refusal(capsys, str(log))
        assert "is empty: CRIU has not begun" in error
        assert "/etc/criu/*.conf" in error

    @pytest.mark.parametrize("content", [b"\x7fELF\x02\x01" + bytes(range(256)), b"hello\n"])
    def test_something_else(
        self, log: Path, content: bytes, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log.write_bytes(content * 100)
        assert "is no log of CRIU's" in refusal(capsys, str(log))

    def test_huge(self, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with log.open("wb") as file:
            file.write((HEAD + DUMP).encode())
            file.truncate(1 << 40)
            file.seek(0, os.SEEK_END)
            file.write(f"\n(00.06) {GHOST}\n{FAILED}".encode())
        assert main(["diagnose", str(log)]) == 0
        assert "GhostFileTooLarge" in capsys.readouterr().out

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(content=st.binary(max_size=2000), prefix=st.sampled_from(["", "Error (a.c:1): ", HEAD]))
    def test_any_bytes_are_explained_or_refused(
        self, log: Path, capsys: pytest.CaptureFixture[str], content: bytes, prefix: str
    ) -> None:
        log.write_bytes(prefix.encode() + content)
        assert main(["diagnose", str(log)]) in (0, 1, REFUSED)
        capsys.readouterr()
