"""Waiting for something that happens soon, with an end to the patience."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WaitError(RuntimeError):
    """What was waited for did not happen."""


def wait_until(condition: Callable[[], object], what: str, *, timeout: float = 120) -> None:
    """Look every 20 ms whether ``condition`` holds.

    Args:
        condition: what has to become true.
        what: its name for the error message, as in "waited 30 s for WHAT".
        timeout: in seconds.

    Raises:
        WaitError: if it does not become true in time.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise WaitError(f"waited {timeout:g} s for {what}")
        time.sleep(0.02)
