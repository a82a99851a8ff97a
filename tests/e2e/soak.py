"""How thoroughly to test: `make soak` repeats what every run of the tests samples."""

from __future__ import annotations

import os
from typing import Final

SOAKING: Final = bool(os.environ.get("SOAK"))


def times(usual: int, *, soak: int) -> int:
    """Return how often to do something."""
    return soak if SOAKING else usual
