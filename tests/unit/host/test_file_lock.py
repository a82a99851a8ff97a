"""Locks that end with their holder, and whether there is one."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.host.file_lock import acquire, is_held

if TYPE_CHECKING:
    from pathlib import Path


def test_a_lock_is_held_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    lock = acquire(path, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX, time.monotonic())
    assert is_held(path)
    os.close(lock)
    assert not is_held(path)


def test_whoever_asks_keeps_nobody_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert not is_held(path)
    os.close(acquire(path, os.O_RDWR, fcntl.LOCK_EX, time.monotonic()))


def test_a_lock_of_others_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = acquire(path, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX, time.monotonic())
    with pytest.raises(TimeoutError):
        acquire(path, os.O_RDWR, fcntl.LOCK_EX, time.monotonic())
    os.close(lock)
