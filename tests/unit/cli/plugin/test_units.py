"""Durations as people write them, times as they read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from podman_checkpoint_operator.cli.plugin.outcome import Stop
from podman_checkpoint_operator.cli.plugin.units import age, between, lasting, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("1h30m", 5400), ("1.5s", 1.5), ("2d", 172800)],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-3s", "10 minutes", "²"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Stop, match="invalid duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.298, "298 ms"), (1.44, "1.4 s"), (59.96, "1m0s"), (125, "2m5s"), (3790, "1h3m")],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    ("now", "text"),
    [
        ("2026-11-23T04:00:08", "8s"),
        ("2026-11-23T04:05:00", "5m"),
        ("2026-11-23T23:00:00", "19h"),
        ("2026-11-30T04:00:00", "7d"),
        ("2026-11-23T03:59:59", "0s"),
    ],
)
def test_ages(now: str, text: str) -> None:
    assert age("2026-11-23T04:00:00Z", datetime.fromisoformat(now).replace(tzinfo=UTC)) == text


def test_unknown_times() -> None:
    assert age(None) == "<unknown>"
    assert between("2026-11-23T04:00:00Z", None) is None
    assert between("2026-11-23T04:00:00Z", "2026-11-23T04:00:03Z") == 3
