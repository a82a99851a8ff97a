"""A durable note of how files were before they were changed, kept in an open lock file.

It is written before the change, so that whoever holds the lock after a crash can undo it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Change = tuple[bytes | None, bytes]
"""A file's content before (None: there was no file) and after."""


def add(descriptor: int, changes: Mapping[str, Change]) -> None:
    """Note changes that are about to be made, by path; a file's first content stays noted."""
    noted = read(descriptor)
    for path, (before, after) in changes.items():
        noted[path] = (noted[path][0] if path in noted else before, after)
    text = json.dumps(
        {path: [_text(before), _text(after)] for path, (before, after) in noted.items()}
    ).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)
    os.fsync(descriptor)


def read(descriptor: int) -> dict[str, Change]:
    """Return the changes that are noted.

    A note that was not written to its end counts as none: then nothing was changed yet.
    """
    text = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    try:
        return {
            path: (None if before is None else before.encode("latin-1"), after.encode("latin-1"))
            for path, (before, after) in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}


def clear(descriptor: int) -> None:
    """Forget the note: what it tells was undone."""
    os.ftruncate(descriptor, 0)
    os.fsync(descriptor)


def _text(content: bytes | None) -> str | None:
    """JSON holds text only; Latin-1 is a text for every sequence of bytes, and back."""
    return None if content is None else content.decode("latin-1")
