"""How this process sees its host, against how the host's first process does."""

from __future__ import annotations

import os
from pathlib import Path

from ..decisions.host_files import Place, Sight
from .files import below
from .proc import propagation


def sight(root: Path, place: Place, *, proc: Path = Path("/proc")) -> Sight:
    """Return how a place is seen.

    What is so for the host itself is its own affair, but where the agent has to write.

    Args:
        root: where the host's file system is.
        place: of the host.
        proc: the host's ``/proc``.
    """
    seen, real = below(root, place.path), below(proc / "1/root", place.path)
    if place.written and _is_read_only(_nearest(real)):
        return Sight.UNWRITABLE
    if not real.exists() and not seen.exists():
        return Sight.CLEAR
    if not (real.exists() and seen.exists() and seen.samefile(real)):
        return Sight.HIDDEN
    if place.written and _is_read_only(seen):
        return Sight.READ_ONLY
    if place.followed and not _follows(proc / "self", seen) and _follows(proc / "1", place.path):
        return Sight.FIXED
    return Sight.CLEAR


def _nearest(path: Path) -> Path:
    """Return what is there of a path, which may have to be made."""
    return next(each for each in (path, *path.parents) if each.exists())


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _follows(process: Path, path: Path) -> bool:
    """Whether mounts that others make below a path get to a process."""
    return any(each.startswith(("master:", "shared:")) for each in propagation(process, path))
