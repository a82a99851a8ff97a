"""Background programs: started apart, found again, ended, and never mistaken for another process.

Restarts of the machine are played by writing another boot ID into the PID file.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .processes import Daemon, any_running
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 1; done"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon("sample", tmp_path)
    yield daemon
    daemon.stop(patience=0)


def start(daemon: Daemon, script: str) -> int:
    daemon.start("/bin/sh", "-c", script)
    pid = daemon.pid()
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    """Whether a child of this process has not ended; one that has is reaped."""
    return os.waitpid(pid, os.WNOHANG) == (0, 0)


def test_it_runs_in_a_session_of_its_own(daemon: Daemon) -> None:
    pid = start(daemon, "exec sleep 100")

    assert os.getsid(pid) == pid


def test_another_command_finds_it(daemon: Daemon, tmp_path: Path) -> None:
    pid = start(daemon, "exec sleep 100")

    assert Daemon("sample", tmp_path).pid() == pid
    assert any_running(tmp_path)


def test_its_output_is_kept_in_order_over_restarts(daemon: Daemon) -> None:
    for word in ("first", "second"):
        start(daemon, f"echo {word}; echo {word} error >&2; exec sleep 100")
        while f"{word} error" not in daemon.last_words():
            assert daemon.pid()
        daemon.stop()

    assert daemon.last_words(3) == "first error\nsecond\nsecond error"


def test_stopping_ends_it(daemon: Daemon, tmp_path: Path) -> None:
    pid = start(daemon, "exec sleep 100")

    daemon.stop()

    assert not is_alive(pid)
    assert daemon.pid() is None
    assert not any_running(tmp_path)


def test_stopping_ends_one_that_ignores_the_request(daemon: Daemon) -> None:
    pid = start(daemon, STUBBORN)
    wait_until(lambda: daemon.last_words() == "ready", "the trap to be set")

    daemon.stop(patience=0.1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_stopping_twice_is_harmless(daemon: Daemon) -> None:
    start(daemon, "exec sleep 100")

    daemon.stop()
    daemon.stop()


def test_one_that_ended_by_itself_is_not_running(daemon: Daemon) -> None:
    """Nobody has reaped it: a zombie still has its number and its start time."""
    daemon.start("/bin/true")

    wait_until(lambda: daemon.pid() is None, "the program to end")


@pytest.mark.parametrize("field", [1, 2], ids=["start time", "boot"])
def test_a_reused_number_is_left_alone(daemon: Daemon, field: int) -> None:
    pid = start(daemon, "exec sleep 100")
    recorded = daemon.pid_file.read_text()
    words = recorded.split()
    words[field] = "1"
    daemon.pid_file.write_text(" ".join(words))

    assert daemon.pid() is None
    daemon.stop()

    assert is_alive(pid)
    daemon.pid_file.write_text(recorded)


@pytest.mark.parametrize("text", ["", "nonsense", "12 34", "1 2 3 4"])
def test_a_damaged_file_means_not_running(daemon: Daemon, text: str) -> None:
    daemon.pid_file.parent.mkdir()
    daemon.pid_file.write_text(text)

    assert daemon.pid() is None
    daemon.stop()
    assert not daemon.pid_file.exists()


def test_without_a_log_there_are_no_last_words(daemon: Daemon) -> None:
    assert daemon.last_words() == ""


def test_one_that_ended_before_it_was_recorded_is_not_running(daemon: Daemon) -> None:
    pid = start(daemon, "exec sleep 100")
    daemon.stop()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    daemon.pid_file.write_text(f"{pid} None {boot}")

    assert daemon.pid() is None
