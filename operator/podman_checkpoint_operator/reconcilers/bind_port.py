"""What the reconcilers ask of the host about the sources of bind mounts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from ..decisions.facts import PathKind


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the content of a bind mount is laid down, and what was there before."""

    source: Path
    holder: Path
    """A folder beside it, for the time until the content is complete."""
    parents: tuple[Path, ...]
    """Directories above it that did not exist, the deepest first."""
    was: tuple[int, int, int] | None
    """Mode, owner and group of the empty directory that was there; None if nothing was."""
    identity: tuple[int, int] | None = None
    """Device and inode of what was laid down, once it is complete."""

    @property
    def content(self) -> Path:
        """Where the content lies until it is put in place."""
        return self.holder / "content"

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "source": str(self.source),
            "holder": str(self.holder),
            "parents": [str(each) for each in self.parents],
            "was": self.was,
            "identity": self.identity,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The reverse of :meth:`to_json`."""
        was, identity = content["was"], content["identity"]
        return cls(
            source=Path(content["source"]),
            holder=Path(content["holder"]),
            parents=tuple(map(Path, content["parents"])),
            was=None if was is None else (was[0], was[1], was[2]),
            identity=None if identity is None else (identity[0], identity[1]),
        )


class BindSources(Protocol):
    """The sources of bind mounts on the host; :class:`~..host.bind_sources.BindSources`."""

    def kind(self, path: Path) -> PathKind:
        """Return what is at a path."""

    def device(self, path: Path) -> int:
        """Return the file system that a path is on, or would be."""

    def plan(self, source: Path, uid: str) -> Place:
        """Return what is to be made so that a source can be laid down; nothing is made yet."""

    def begin(self, place: Place) -> None:
        """Make the folder in which the content is laid down, anew."""

    def settle(self, place: Place) -> Place:
        """Make what was laid down durable; return the place with what it will be known by."""

    def put_in_place(self, place: Place) -> None:
        """Put what was laid down at its source, if still nothing is there."""

    def take_back(self, place: Place) -> None:
        """Remove what was laid down, and what was made for it; nothing else."""

    def end(self, place: Place) -> None:
        """Remove the folder that is not needed any more."""
