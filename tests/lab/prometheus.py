"""Prometheus's own promtool: the judge of metrics, rules and expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import tools
from .shell import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def promtool(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool.

    Raises:
        CommandFailed: it found a mistake; the message says which.
    """
    return run(tools.built(tools.PROMETHEUS) / "promtool", *arguments, stdin=stdin)
