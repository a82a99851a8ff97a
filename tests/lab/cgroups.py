"""Control groups of the lab: one per namespaced host, on the machine's version 2 hierarchy.

Every process of a host is in the host's group or below it, and in no group of version 1. So the
group is both how the host's processes are found, without any file that could be stale, and how they
are ended.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .waiting import wait_until


class CgroupError(RuntimeError):
    """The machine's control groups cannot serve the lab."""


@dataclass(frozen=True)
class Cgroup:
    """A control group by its path, whether it exists or not."""

    path: Path

    def create(self) -> None:
        """Make the group, unless it is there."""
        self.path.mkdir(parents=True, exist_ok=True)

    def pids(self) -> list[int]:
        """Processes of this very group, not of those below it."""
        try:
            return [int(line) for line in (self.path / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def is_populated(self) -> bool:
        """Whether a process is left in the group or anywhere below it."""
        try:
            return "populated 1" in (self.path / "cgroup.events").read_text()
        except OSError:
            return False

    def remove(self) -> None:
        """Kill what is in the group and below it, and remove both. Does nothing if it is gone."""
        wait_until(self._is_removed, f"the processes in {self.path} to end")

    def _is_removed(self) -> bool:
        """Take a step towards the group's removal, and tell whether it was the last."""
        if not self.path.is_dir():
            return True
        if self.is_populated():
            (self.path / "cgroup.kill").write_text("1")
            return False
        try:
            for folder, _, _ in os.walk(self.path, topdown=False):
                os.rmdir(folder)
        except OSError as error:
            # A process was just entering, such as one that another process of the lab had started.
            if error.errno != errno.EBUSY:
                raise
            return False
        return True


def host_cgroup(host: str) -> Cgroup:
    """The group of one host of this checkout's lab."""
    return Cgroup(hierarchy() / f"{paths.CGROUP_PREFIX}-{host}")


def hosts_with_cgroup() -> list[str]:
    """Names of this checkout's hosts that are up, or of which a killed session left something."""
    prefix = f"{paths.CGROUP_PREFIX}-"
    return sorted(path.name.removeprefix(prefix) for path in hierarchy().glob(f"{prefix}*"))


def hierarchy() -> Path:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if source.startswith("cgroup2 "):
            return Path(mount.split()[4])
    raise CgroupError("no cgroup2 file system is mounted: the lab needs control groups version 2")
