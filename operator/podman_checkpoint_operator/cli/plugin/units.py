"""Times as people read them, and as they write them on a command line."""

from __future__ import annotations

from datetime import UTC, datetime

import durationpy

from .outcome import error


def seconds_of(text: str) -> float:
    """Return the seconds of ``90s``, ``1h30m`` or a plain number.

    Raises:
        Stop: it is none of these.
    """
    try:
        found = float(text) if text.isdigit() else durationpy.from_str(text).total_seconds()
    except (durationpy.DurationError, ValueError, OverflowError):
        found = -1
    if found < 0:
        raise error(f'invalid duration "{text}": write 90s, 10m or 1h30m')
    return found


def lasting(seconds: float) -> str:
    """Return a length of time: ``298 ms``, ``1.4 s``, ``2m5s``, ``1h3m``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{rest}s"


def age(timestamp: str | None, now: datetime | None = None) -> str:
    """Return how long ago a time of the API server was, as kubectl's columns do."""
    if not timestamp:
        return "<unknown>"
    seconds = int(((now or datetime.now(UTC)) - moment(timestamp)).total_seconds())
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "m"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) // unit}{name}"
    return f"{seconds // 86400}d"


def between(start: str | None, end: str | None) -> float | None:
    """Return the seconds from one time of the API server to another, if both are known."""
    if not (start and end):
        return None
    return (moment(end) - moment(start)).total_seconds()


def moment(timestamp: str) -> datetime:
    """Return the time that the API server has written."""
    return datetime.fromisoformat(timestamp)
