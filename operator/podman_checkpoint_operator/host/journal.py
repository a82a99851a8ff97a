"""The journal of operations as files in the agent's state directory."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from ..reconcilers.journal import Entry
from .files import replace_file

logger = logging.getLogger(__name__)


class DirectoryJournal:
    """One file ``<uid>.json`` per operation; each write is atomic and durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, uid: str) -> Entry | None:
        """Return the entry of an operation, if it was begun."""
        try:
            return Entry.from_json(json.loads(self._path(uid).read_text()))
        except FileNotFoundError:
            return None

    def write(self, entry: Entry) -> None:
        """Replace the entry of an operation, durably."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(self._path(entry.uid), json.dumps(entry.to_json()).encode(), mode=0o600)

    def remove(self, uid: str) -> None:
        """Forget an operation, if it is known."""
        self._path(uid).unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """Return all entries; a file that cannot be read is reported and left alone."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(Entry.from_json(json.loads(path.read_text())))
            except (OSError, ValueError, KeyError, TypeError) as error:
                logger.warning(
                    "unreadable journal entry", extra={"path": str(path), "error": str(error)}
                )
        return found

    def _path(self, uid: str) -> Path:
        return self._folder / f"{os.path.basename(uid)}.json"
