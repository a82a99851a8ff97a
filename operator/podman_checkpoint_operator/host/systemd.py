"""What systemd would start on a host, read from its files: the agent may be outside of systemd."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_FOLDERS: Final = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system")
"""Where unit files lie; a file in an earlier one hides one of the same name in a later one."""


def is_enabled(root: Path, unit: str) -> bool:
    """Whether a unit is started at boot: another one wants or requires it, and it is not masked."""
    if is_masked(root, unit):
        return False
    return any(
        os.path.lexists(link / unit)
        for folder in _FOLDERS
        for kind in ("wants", "requires")
        for link in (root / folder).glob(f"*.{kind}")
    )


def is_masked(root: Path, unit: str) -> bool:
    """Whether a unit cannot be started by anybody."""
    for folder in _FOLDERS:
        path = root / folder / unit
        if os.path.lexists(path):
            return path.is_symlink() and os.readlink(path) == os.devnull
    return False
