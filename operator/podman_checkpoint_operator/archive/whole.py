"""What a container on the vfs driver changed: its whole tree, compared with the image's.

Nothing says what was changed, and times can be set back, so contents are compared. Both trees are
read once; a directory is listed after what is in it, when it is known whether that has changed.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from . import xattrs
from .entries import ROOT, Entry, below, unnested
from .rootfs import (
    MADE_BY_PODMAN,
    Change,
    deletion,
    lost_attributes,
    undecodable,
    undecodable_in_root,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .entries import Nested
    from .rootfs import RootfsDiff

_CHUNK: Final = 1024 * 1024
_Groups = dict[tuple[int, int], frozenset[bytes]]


def whole_changes(diff: RootfsDiff) -> Iterator[Change]:
    """List what was added, changed and deleted, always in the same order.

    Raises:
        OperationFailed: A change cannot be expressed in a Podman archive.
    """
    (image,) = diff.lowers
    return unnested(_Comparison(os.fsencode(diff.upper), os.fsencode(image)).root())


class _Comparison:
    """The image's tree against the container's."""

    def __init__(self, now: bytes, before: bytes) -> None:
        self._now = now
        self._before = before
        self._links_now = _links(now)
        self._links_before = _links(before)
        self._found = 0
        """Changes so far."""

    def root(self) -> Nested[Change]:
        if any(undecodable(name) for name in self._deleted(b"")):
            raise undecodable_in_root()
        yield self._directory(b"")
        # Unchanged, too: see the overlay.
        yield Entry(ROOT, self._now)

    def _directory(self, prefix: bytes) -> Nested[Change]:
        """List the changes in a directory that is there in both trees."""
        trees = (self._now + b"/" + prefix, self._before + b"/" + prefix)
        for child in sorted({name for tree in trees for name in os.listdir(tree)}):
            name = prefix + child
            now, before = _lstat(self._now + b"/" + name), _lstat(self._before + b"/" + name)
            if name in MADE_BY_PODMAN and (now is None or not stat.S_ISDIR(now.st_mode)):
                continue
            if now is None:
                if before is not None:
                    self._found += 1
                    yield deletion(name, before)
            elif not stat.S_ISDIR(now.st_mode):
                if before is None or self._is_changed(name):
                    yield self._entry(name)
            elif before is not None and self._continues(name, before):
                yield self._continued(name)
            else:
                yield self._anew(name, before)

    def _continued(self, name: bytes) -> Nested[Change]:
        found = self._found
        yield self._directory(name + b"/")
        # Unpacking what is in it moves a directory's time, which its own entry sets again.
        if self._found != found or self._is_changed(name):
            yield self._entry(name)

    def _anew(self, name: bytes, before: os.stat_result | None) -> Nested[Change]:
        if before is not None and stat.S_ISDIR(before.st_mode):
            yield Entry(name, None)
        yield self._entry(name)
        yield below(self._now + b"/" + name, name + b"/")

    def _entry(self, name: bytes) -> Iterator[Change]:
        self._found += 1
        yield Entry(name, self._now + b"/" + name)

    def _continues(self, name: bytes, before: os.stat_result) -> bool:
        """Tell whether a directory is the image's one with changes that can be expressed."""
        if not stat.S_ISDIR(before.st_mode):
            return False
        if lost_attributes(self._now + b"/" + name, self._before + b"/" + name):
            return False
        return not any(undecodable(name + b"/" + child) for child in self._deleted(name + b"/"))

    def _deleted(self, prefix: bytes) -> set[bytes]:
        return {
            name
            for name in os.listdir(self._before + b"/" + prefix)
            if _lstat(self._now + b"/" + prefix + name) is None
        }

    def _is_changed(self, name: bytes) -> bool:
        now, before = self._now + b"/" + name, self._before + b"/" + name
        one, other = os.lstat(now), os.lstat(before)
        return (
            _comparable(one) != _comparable(other)
            or xattrs.travelling(xattrs.read(now)) != xattrs.travelling(xattrs.read(before))
            or _group(self._links_now, one) != _group(self._links_before, other)
            or (stat.S_ISLNK(one.st_mode) and os.readlink(now) != os.readlink(before))
            or (stat.S_ISREG(one.st_mode) and not _same_content(now, before))
        )


def _comparable(status: os.stat_result) -> tuple[int, ...]:
    size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return status.st_mode, status.st_uid, status.st_gid, status.st_rdev, size, status.st_mtime_ns


def _same_content(one: bytes, other: bytes) -> bool:
    with open(one, "rb", buffering=0) as first, open(other, "rb", buffering=0) as second:
        while data := first.read(_CHUNK):
            if second.read(_CHUNK) != data:
                return False
    return True


def _links(root: bytes) -> _Groups:
    """Return all names of each file that has several in a tree."""
    groups: dict[tuple[int, int], set[bytes]] = {}
    for entry in unnested(below(root, b"")):
        status = os.lstat(root + b"/" + entry.name)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            groups.setdefault((status.st_dev, status.st_ino), set()).add(entry.name)
    return {key: frozenset(names) for key, names in groups.items()}


def _group(groups: _Groups, status: os.stat_result) -> frozenset[bytes]:
    names = groups.get((status.st_dev, status.st_ino), frozenset())
    return names if len(names) > 1 else frozenset()


def _lstat(path: bytes) -> os.stat_result | None:
    """Look at what goes into an archive: a tar cannot hold a socket, and CRIU makes it anew."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return None if stat.S_ISSOCK(status.st_mode) else status
