"""Keeps sparse files sparse: Podman's import has written zeros where they had holes.

This is done when the container runs already, since Podman leaves no moment before. Its processes
are held still for a fraction of a second at a time.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from ..api.reasons import Reason
from ..decisions.facts import Container, Mount, SparseFile, State
from ..decisions.failures import OperationFailed
from .archive_port import Archives
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman, PodmanError

PAUSE_SECONDS: Final = 0.1
"""For which a container is held still at a time."""

logger = logging.getLogger(__name__)


class Holes:
    """The holes of the files of one restore from an archive."""

    def __init__(
        self, podman: Podman, machine: Machine, archives: Archives, operation: Operation
    ) -> None:
        self._podman = podman
        self._machine = machine
        self._archives = archives
        self._operation = operation

    def make(self, uri: str, container_id: str, *, root_fs: bool) -> None:
        """Make the holes anew; where that cannot be done, the files are as good without.

        Args:
            uri: the archive.
            container_id: what was restored from it.
            root_fs: whether its root file system was restored, too.
        """
        try:
            files = self._archives.sparse_files(uri)
            container = self._podman.find(container_id) if files else None
            if container is None or container.state is not State.RUNNING:
                return
            self._operation.progress(Reason.RESTORING, f"Making the holes of {len(files)} files")
            self._make(container, self._by_root(container, files, root_fs=root_fs))
        except (OperationFailed, PodmanError, OSError) as error:
            logger.warning("holes of sparse files were not made", exc_info=error)
            self._operation.event(
                "Warning", "HolesNotMade", f"Sparse files take more space than they did: {error}"
            )

    def _by_root(
        self, container: Container, files: Iterable[SparseFile], *, root_fs: bool
    ) -> Iterator[tuple[Path, list[SparseFile]]]:
        """Yield where the files are that nobody but the container writes to."""
        trees: dict[str, list[SparseFile]] = defaultdict(list)
        for file in files:
            trees[file.volume].append(file)
        if root_fs and container.upper is not None:
            yield container.upper, trees[""]
        for mount in container.mounts:
            made = (
                mount.type == "volume" and mount.name in self._operation.entry.data["madeVolumes"]
            )
            if made and self._users(mount) == {container.id}:
                yield mount.source, trees[mount.name]

    def _users(self, mount: Mount) -> set[str]:
        return {user.id for user in self._podman.sharing([mount.name, str(mount.source)])}

    def _make(self, container: Container, trees: Iterable[tuple[Path, list[SparseFile]]]) -> None:
        cgroup = self._machine.cgroup(container)
        steps = chain.from_iterable(self._machine.make_holes(root, files) for root, files in trees)
        done = False
        while not done:
            self._operation.pause_point()
            with self._machine.frozen(cgroup, seconds=self._operation.remaining()):
                done = _advanced(steps, PAUSE_SECONDS)


def _advanced(steps: Iterator[None], seconds: float) -> bool:
    """Let an iteration go on for a time; return whether it has ended."""
    until = time.monotonic() + seconds
    return all(time.monotonic() <= until for _ in steps)
