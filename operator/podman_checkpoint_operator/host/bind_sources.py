"""Puts the content of a bind mount where it was: whole or not at all, and never over something.

It is laid down in a folder beside its place that nobody else can enter, and then renamed. The
kernel refuses that where something has come in between.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..decisions.facts import PathKind
from ..reconcilers.bind_port import Place
from . import files


class BindSources:
    """The sources of bind mounts on one host.

    Args:
        root: where the host's file system is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def kind(self, path: Path) -> PathKind:
        """Return what is at a path; a symbolic link and a mount point are something else."""
        seen = self._seen(path)
        try:
            mode = seen.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return PathKind.ABSENT
        if stat.S_ISREG(mode):
            return PathKind.FILE
        if not stat.S_ISDIR(mode):
            return PathKind.OTHER
        if any(seen.iterdir()) or seen.is_mount():
            return PathKind.DIRECTORY
        return PathKind.EMPTY_DIRECTORY

    def device(self, path: Path) -> int:
        """Return the file system that a path is on, or would be."""
        seen = self._seen(path)
        existing = next(each for each in (seen, *seen.parents) if each.exists())
        return existing.stat().st_dev

    def plan(self, source: Path, uid: str) -> Place:
        """Return what is to be made so that a source can be laid down; nothing is made yet."""
        parents = [each for each in source.parents if not self._seen(each).exists()]
        was = None
        if self.kind(source) is PathKind.EMPTY_DIRECTORY:
            status = self._seen(source).lstat()
            was = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        holder = source.parent / f".podman-checkpoint-{uid[:8]}-{source.name[:200]}"
        return Place(source=source, holder=holder, parents=tuple(parents), was=was)

    def begin(self, place: Place) -> None:
        """Make the folder in which the content is laid down, anew."""
        for parent in reversed(place.parents):
            self._seen(parent).mkdir(exist_ok=True)
        files.remove_tree(self._seen(place.holder))
        self._seen(place.holder).mkdir(mode=0o700)

    def settle(self, place: Place) -> Place:
        """Make what was laid down durable; return the place with what it will be known by."""
        content = self._seen(place.content)
        files.sync_file_systems([content])
        status = content.lstat()
        return replace(place, identity=(status.st_dev, status.st_ino))

    def put_in_place(self, place: Place) -> None:
        """Put what was laid down at its source.

        Raises:
            OSError: something has come there meanwhile.
        """
        content, source = self._seen(place.content), self._seen(place.source)
        if content.is_dir():
            content.rename(source)
        else:
            os.link(content, source)  # which replaces nothing, as a rename would
            content.unlink()
        files.sync_directory(source.parent)

    def take_back(self, place: Place) -> None:
        """Remove what was laid down, and what was made for it; nothing else."""
        source, holder = self._seen(place.source), self._seen(place.holder)
        if self._is_ours(place):
            holder.mkdir(mode=0o700, exist_ok=True)
            source.rename(holder / "taken back")
        if place.was is not None and not source.exists():
            mode, owner, group = place.was
            source.mkdir(0o700)
            os.chown(source, owner, group)
            source.chmod(mode)
        self.end(place)
        for parent in place.parents:
            with suppress(OSError):  # somebody else's files are in it by now
                self._seen(parent).rmdir()

    def end(self, place: Place) -> None:
        """Remove the folder that is not needed any more."""
        files.remove_tree(self._seen(place.holder))

    def _is_ours(self, place: Place) -> bool:
        try:
            status = self._seen(place.source).lstat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == place.identity

    def _seen(self, path: Path) -> Path:
        return files.below(self._root, path)
