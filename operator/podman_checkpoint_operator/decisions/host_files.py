"""The places of its host that an agent must see as the host does: mounts, if in a container."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from .capabilities import Work


class Sight(StrEnum):
    """How an agent sees a place of its host; completes "the agent ..."."""

    CLEAR = "sees"
    HIDDEN = "does not see the host's"
    READ_ONLY = "cannot write to"
    UNWRITABLE = "finds the host's own file system read-only at"
    FIXED = "does not see what the host mounts from now on below"


@dataclass(frozen=True)
class Place:
    """A directory of the host.

    Attributes:
        path: as the host names it.
        purpose: what is there; completes "where ...".
        work: that needs it.
        written: the agent writes there.
        followed: what the host mounts there later must show. Else the directory below it would be
            saved in its place.
    """

    path: Path
    purpose: str
    work: Work = Work.EVERYTHING
    written: bool = False
    followed: bool = False


@dataclass(frozen=True)
class Trouble:
    """A place that is not seen as it must be."""

    place: Place
    sight: Sight

    def __str__(self) -> str:
        return f"{self.sight} {self.place.path}, where {self.place.purpose}"


PLACES: Final = (
    Place(Path("/"), "sources of bind mounts are", Work.ARCHIVES, followed=True),
    Place(Path("/run"), "Podman's socket is"),
    Place(Path("/sys/fs/cgroup"), "containers are frozen", written=True),
    Place(Path("/etc/criu"), "the ghost limit is set", Work.GHOST_LIMITS, written=True),
)


def storage(graph_root: Path) -> Place:
    """Return the place of Podman's storage."""
    purpose = "Podman keeps containers and volumes"
    return Place(graph_root, purpose, written=True, followed=True)


def state(folder: Path) -> Place:
    """Return the place of the agent's own state, which must outlive its container."""
    return Place(folder, "the agent keeps what it has begun")
