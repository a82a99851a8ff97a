"""Things that are costly to build, made once per machine and version, and shared by all checkouts.

A build works in a temporary folder beside its target and is renamed at its end, so what has its
final name is complete.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths
from .locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable


def digest(*parts: object) -> str:
    """Eight hex digits over everything that decides what a build makes (any JSON values)."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]


def built_once(name: str, build: Callable[[Path], None], *, note: str) -> Path:
    """Return ``CACHE/name``, built if it is not there.

    Args:
        name: of the file or folder; holds the digest of its recipe.
        build: makes the result at the path it is given, which does not exist.
        note: what is being built and how long it takes, shown to the person who waits.
    """
    target = paths.CACHE / name
    if not target.exists():
        with locked(paths.CACHE / "locks" / name):
            if not target.exists():
                print(f"lab: building {note}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory(dir=paths.CACHE, prefix=".build-") as scratch:
                    build(Path(scratch) / "out")
                    (Path(scratch) / "out").rename(target)
    return target
