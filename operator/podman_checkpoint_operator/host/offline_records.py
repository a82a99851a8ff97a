"""What a drain has to keep on the host while the API server is away: it outlives the shutdown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import read_object, sync_directory, write_object

_HOST = "host.json"
_KNOWN = "known.json"


class OfflineRecords:
    """One file for the PodmanHost, and one for each checkpoint; each write is atomic and durable.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def known(self) -> Mapping[str, Any] | None:
        """Return what the API server has last asked of the host; None if that was never heard."""
        return read_object(self._folder / _KNOWN)

    def write_known(self, asked: Mapping[str, Any]) -> None:
        """Keep what the API server asks of the host; it is not forgotten."""
        write_object(self._folder / _KNOWN, asked)

    def host(self) -> Mapping[str, Any] | None:
        """Return the PodmanHost with what was told of its drain; None if nothing was."""
        return read_object(self._folder / _HOST)

    def write_host(self, host: Mapping[str, Any]) -> None:
        """Keep the PodmanHost."""
        write_object(self._folder / _HOST, host)

    def checkpoints(self) -> list[Mapping[str, Any]]:
        """Return all checkpoints."""
        found = (read_object(path) for path in sorted(self._folder.glob("checkpoint-*.json")))
        return [each for each in found if each is not None]

    def checkpoint(self, uid: str) -> Mapping[str, Any] | None:
        """Return the checkpoint of a UID, if there is one."""
        return read_object(self._path(uid))

    def write_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Keep a checkpoint."""
        write_object(self._path(checkpoint["metadata"]["uid"]), checkpoint)

    def forget(self) -> None:
        """Forget everything, the PodmanHost last."""
        for path in (*self._folder.glob("checkpoint-*.json"), self._folder / _HOST):
            path.unlink(missing_ok=True)
        if self._folder.exists():
            sync_directory(self._folder)

    def _path(self, uid: str) -> Path:
        return self._folder / f"checkpoint-{os.path.basename(uid)}.json"
