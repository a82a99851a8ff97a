"""Programs of the host, run where the host's file system is the root."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

PATHS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS: Final = 30


def run_on_host(root: Path, *argv: str, stdin: str = "", seconds: float = _SECONDS) -> str | None:
    """Run a program of the host, and return what it says; None if it fails or is not there.

    Args:
        root: where the host's file system is.
        argv: the program and its arguments.
        stdin: what it reads.
        seconds: how long it may take.
    """
    inside = () if root == Path("/") else ("chroot", str(root))
    try:
        return subprocess.run(
            [*inside, *argv],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
            env={"PATH": PATHS},
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
