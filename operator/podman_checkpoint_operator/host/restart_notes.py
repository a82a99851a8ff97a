"""Restart policies that were taken from containers, noted in the agent's state directory.

A note outlives the operation and its resource: the container waits for its restore, however long.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from ..decisions.facts import RestartPolicy
from .files import read_as, sync_directory, write_object


class RestartNotes:
    """One file ``<container ID>.json`` per container; each write is atomic and durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, container_id: str, policy: RestartPolicy) -> None:
        """Note the policy that a container is to get back."""
        write_object(self._path(container_id), asdict(policy))

    def read(self, container_id: str) -> RestartPolicy | None:
        """Return the policy that a container is to get back, if one is noted."""
        return read_as(self._path(container_id), lambda note: RestartPolicy(**note))

    def remove(self, container_id: str) -> None:
        """Forget a container."""
        path = self._path(container_id)
        if path.exists():
            path.unlink()
            sync_directory(self._folder)

    def containers(self) -> list[str]:
        """Return the IDs of all containers with a note."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def _path(self, container_id: str) -> Path:
        return self._folder / f"{os.path.basename(container_id)}.json"
