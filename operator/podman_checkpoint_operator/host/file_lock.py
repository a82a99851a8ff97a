"""Locks between processes that end with their holder, waited for no longer than asked."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

AGENT_LOCK: Final = "agent.lock"
"""In the state directory; the agent holds it as long as it runs."""
_POLL_SECONDS: Final = 0.05


def acquire(path: Path, flags: int, kind: int, deadline: float) -> int:
    """Open and lock a file or folder; closing the descriptor that is returned releases it.

    Polled, since ``flock`` knows no time limit.

    Args:
        path: what to lock, as the agent sees it.
        flags: for ``open``.
        kind: ``fcntl.LOCK_SH`` or ``fcntl.LOCK_EX``.
        deadline: until when to wait, in the time of ``time.monotonic``.

    Raises:
        TimeoutError: if others hold it for longer.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode=0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{path} is locked by others") from None
            else:
                return descriptor
            time.sleep(_POLL_SECONDS)
    except BaseException:
        os.close(descriptor)
        raise


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock of a file for itself; not if there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
