"""The capabilities of this process."""

from __future__ import annotations

from pathlib import Path


def held(status: Path = Path("/proc/self/status")) -> int:
    """Return a bit for each capability that this process has, and that programs it starts get.

    Args:
        status: of this process.
    """
    lines = (line.partition(":") for line in status.read_text().splitlines())
    masks = {name: value for name, _, value in lines if name in ("CapEff", "CapBnd")}
    return int(masks["CapEff"], 16) & int(masks["CapBnd"], 16)
