"""Background programs: started apart, found again, ended, never mistaken for another one."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from .processes import Daemon, any_running
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STUBBORN = "trap '' TERM; echo ready; while :; do :; done"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon("sample", tmp_path)
    yield daemon
    daemon.stop(patience=0)


def start(daemon: Daemon) -> int:
    daemon.start("/bin/sleep", "100")
    pid = daemon.pid()
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    """Whether a child of this process has not ended; one that has is reaped."""
    return os.waitpid(pid, os.WNOHANG) == (0, 0)


def test_it_runs_in_a_session_of_its_own(daemon: Daemon) -> None:
    pid = start(daemon)

    assert os.getsid(pid) == pid


def test_another_command_finds_it(daemon: Daemon, tmp_path: Path) -> None:
    pid = start(daemon)

    assert Daemon("sample", tmp_path).pid() == pid
    assert any_running(tmp_path)


def test_its_output_is_kept_in_order_over_restarts(daemon: Daemon) -> None:
    for word in ("first", "second"):
        daemon.start("/bin/sh", "-c", f"echo {word}; echo {word} error >&2")
        wait_until(lambda: daemon.pid() is None, "the program to end")

    assert daemon.last_words(3) == "first error\nsecond\nsecond error"


def test_stopping_ends_it(daemon: Daemon, tmp_path: Path) -> None:
    pid = start(daemon)

    daemon.stop()

    assert not is_alive(pid)
    assert daemon.pid() is None
    assert not any_running(tmp_path)


def test_stopping_ends_one_that_ignores_the_request(daemon: Daemon) -> None:
    daemon.start("/bin/sh", "-c", STUBBORN)
    pid = daemon.pid()
    wait_until(lambda: daemon.last_words() == "ready", "the trap to be set")

    daemon.stop(patience=0.1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid or 0, 0)[1]) == -signal.SIGKILL


def test_stopping_twice_is_harmless(daemon: Daemon) -> None:
    start(daemon)

    daemon.stop()
    daemon.stop()


def test_one_that_ended_by_itself_is_not_running(daemon: Daemon) -> None:
    """Nobody has reaped it: a zombie still has its number and its start time."""
    daemon.start("/bin/true")

    wait_until(lambda: daemon.pid() is None, "the program to end")


def test_a_program_of_another_lab_or_name_is_left_alone(daemon: Daemon, tmp_path: Path) -> None:
    pid = start(daemon)

    for other in (Daemon("sample", tmp_path / "sub"), Daemon("sampl", tmp_path)):
        assert other.pid() is None
        other.stop()

    assert is_alive(pid)


def test_it_is_found_although_the_labs_folder_is_gone(daemon: Daemon) -> None:
    pid = start(daemon)

    shutil.rmtree(daemon.folder)

    assert daemon.pid() == pid
    daemon.stop()
    assert not is_alive(pid)


def test_without_a_log_there_are_no_last_words(daemon: Daemon) -> None:
    assert daemon.last_words() == ""
