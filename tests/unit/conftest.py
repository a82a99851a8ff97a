"""What unit tests share."""

from __future__ import annotations

import pytest

from tests.unit.clock import Clock


@pytest.fixture
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of the module that a file of tests calls ``TIMED``."""
    clock = Clock()
    monkeypatch.setattr(request.module.TIMED, "time", clock)
    return clock
