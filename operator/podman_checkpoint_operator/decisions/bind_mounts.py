"""Bind mounts: which go into an archive, and which of them are laid down on a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from .facts import PathKind, Space
from .preflight import Check, failed, listed, passed

_OF_THE_RUNNING_HOST: Final = tuple(map(Path, ("/dev", "/proc", "/run", "/sys", "/var/run")))
_CARRIED: Final = (PathKind.FILE, PathKind.DIRECTORY, PathKind.EMPTY_DIRECTORY)


@dataclass(frozen=True)
class SavedBind:
    """A source whose content is in an archive."""

    source: Path
    size_bytes: int


def why_left_out(source: Path, kind: PathKind, stores: Mapping[str, Path]) -> str:
    """Return why the content of a source is never in an archive, or an empty string.

    Args:
        source: of the bind mount.
        kind: what it is.
        stores: directories that it must neither hold nor be in, by what they are.
    """
    if source == Path("/"):
        return "it is the host's whole file system"
    for above in _OF_THE_RUNNING_HOST:
        if source.is_relative_to(above):
            return f"{above} belongs to the running host"
    for what, store in stores.items():
        if store.is_relative_to(source) or source.is_relative_to(store):
            return f"{what} is there"
    return "" if kind in _CARRIED else "it is neither a directory nor a regular file"


def outermost(sources: Sequence[Path]) -> list[Path]:
    """Return those that are in none of the others: with them, all are there."""
    return [
        source
        for source in dict.fromkeys(sources)
        if not any(other != source and source.is_relative_to(other) for other in sources)
    ]


def to_lay_down(saved: Sequence[SavedBind], kinds: Mapping[Path, PathKind]) -> list[SavedBind]:
    """Return the sources that a target lacks: nothing is there, or an empty directory."""
    free = (PathKind.ABSENT, PathKind.EMPTY_DIRECTORY)
    return [each for each in saved if kinds[each.source] in free]


def source_checks(
    saved: Sequence[SavedBind],
    kinds: Mapping[Path, PathKind],
    spaces: Sequence[Space],
    *,
    use_existing: bool,
) -> Iterator[Check]:
    """Checks that each source can be laid down, or is there and may be used.

    Args:
        saved: in the archive.
        kinds: what is on the target at each of them.
        spaces: for what is laid down.
        use_existing: what is there is used as it is.
    """
    if not saved:
        return
    laid = to_lay_down(saved, kinds)
    there = [each.source for each in saved if each not in laid]
    if there and not use_existing:
        yield failed(
            "BindMountSources",
            f"something is at the source of a bind mount already: {listed(there)}",
            Cause.BIND_MOUNT_SOURCE_IN_USE,
            Setting(
                "spec.bindMounts: UseExisting to use what is there",
                otherwise="move it away, so that the content of the archive can be laid down",
            ),
        )
        return
    short = [space for space in spaces if space.needed_bytes > space.free_bytes]
    if short:
        yield failed(
            "BindMountSources",
            f"not enough space at {listed([space.path for space in short])}",
            Cause.NO_SPACE,
            Setting(
                "spec.bindMounts: UseExisting after you have put the content there",
                rather="free some on that file system",
            ),
        )
        return
    yield passed(
        "BindMountSources", f"{len(laid)} from the archive, {len(there)} as they are on this host"
    )
