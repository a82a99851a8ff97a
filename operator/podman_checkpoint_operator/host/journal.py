"""The journal of operations as files in the agent's state directory."""

from __future__ import annotations

import os
from pathlib import Path

from ..reconcilers.journal import Entry
from .files import read_as, write_object


class DirectoryJournal:
    """One file ``<uid>.json`` per operation; each write is atomic and durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, uid: str) -> Entry | None:
        """Return the entry of an operation, if it was begun.

        One that cannot be read is reported and counts as none: what the host shows decides then.
        """
        return _entry(self._path(uid))

    def write(self, entry: Entry) -> None:
        """Replace the entry of an operation, durably."""
        write_object(self._path(entry.uid), entry.to_json())

    def remove(self, uid: str) -> None:
        """Forget an operation, if it is known."""
        self._path(uid).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """Return all entries; a file that cannot be read is reported and left alone."""
        entries = map(_entry, sorted(self._folder.glob("*.json")))
        return [entry for entry in entries if entry is not None]

    def _path(self, uid: str) -> Path:
        return self._folder / f"{os.path.basename(uid)}.json"


def _entry(path: Path) -> Entry | None:
    return read_as(path, Entry.from_json)
