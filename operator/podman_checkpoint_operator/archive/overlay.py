"""What a container changed in its root file system: the input of ``rootfs-diff.tar``.

On import Podman unpacks ``rootfs-diff.tar`` over the image and then removes every path that
``deleted.files`` lists. Three properties of that are relied on here:

* An entry that is not a directory replaces whatever is at its path, a whole directory included. So
  an empty placeholder file before a directory of the same name makes that directory start empty:
  the way to express an opaque or renamed directory.
* Newer Podman follows a symlink that it is told to delete, and deletes the target instead. So a
  deleted symlink is first replaced by a placeholder file.
* ``deleted.files`` is JSON and cannot name a path that is not UTF-8. The directory of such a file
  is written out whole instead.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed
from . import xattrs
from .entries import ROOT, Entry
from .layers import Node, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MADE_BY_PODMAN: Final = frozenset(
    {
        b"dev",
        b"etc/hostname",
        b"etc/hosts",
        b"etc/mtab",
        b"etc/resolv.conf",
        b"proc",
        b"run",
        b"run/.containerenv",
        b"run/notify",
        b"run/podman-init",
        b"run/secrets",
        b"sys",
    }
)
"""Mount points that Podman makes for every container; its own diff leaves them out as well."""


@dataclass(frozen=True, slots=True)
class RootfsDiff:
    """Where the root file system of an overlay container lies on this host.

    Attributes:
        upper: The writable layer, or a capture of it.
        lowers: The layers of the image, topmost first.
    """

    upper: Path
    lowers: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Deletion:
    """A path of the image that the container removed, as ``deleted.files`` names it."""

    path: str


Change = Entry | Deletion


def rootfs_changes(diff: RootfsDiff) -> Iterator[Change]:
    """List what was added, changed and deleted, parents before children, always in the same order.

    Raises:
        OperationFailed: A change cannot be expressed in a Podman archive.
    """
    yield from _Comparison(diff).root()


class _Comparison:
    """The image's view of the root file system against the container's."""

    def __init__(self, diff: RootfsDiff) -> None:
        lowers = tuple(os.fsencode(lower) for lower in diff.lowers)
        self._merged = Stack((os.fsencode(diff.upper), *lowers))
        self._image = Stack(lowers)

    def root(self) -> Iterator[Change]:
        merged, image = self._merged.root(), self._image.root()
        if _metadata(merged) != _metadata(image):
            yield Entry(ROOT, merged.path)
        if any(_undecodable(name) for name in self._deleted(merged, image)):
            raise OperationFailed(
                Cause.UNSUPPORTED_FILE,
                "A file in the container's root directory was deleted whose name is not UTF-8; "
                "a checkpoint archive cannot say so",
                remedy="Recreate it in the container, or use an image without it.",
            )
        yield from self._changed_children(b"", merged, image)

    def _node(self, name: bytes, merged: Node, image: Node | None) -> Iterator[Change]:
        """List one path and what is below it; ``image`` is what Podman will find there."""
        if name in MADE_BY_PODMAN and not merged.is_directory:
            return
        if not merged.is_directory:
            yield Entry(name, merged.path, merged.content)
        elif image is not None and self._continues(name, merged, image):
            yield Entry(name, merged.path)
            yield from self._changed_children(name + b"/", merged, image)
        else:
            if image is not None and image.is_directory:
                yield Entry(name, None)
            yield Entry(name, merged.path)
            yield from self._all_children(name + b"/", merged)

    def _continues(self, name: bytes, merged: Node, image: Node) -> bool:
        """Tell whether a directory is the image's one with changes, and these can be expressed."""
        below = [place.path for place in merged.places if place.layer > 0]
        if not image.is_directory or below != [place.path for place in image.places]:
            return False
        return not any(_undecodable(name + b"/" + child) for child in self._deleted(merged, image))

    def _deleted(self, merged: Node, image: Node) -> Iterator[bytes]:
        for name in self._upper_names(merged):
            if self._now(merged, name) is None and self._image.child(image, name):
                yield name

    def _changed_children(self, prefix: bytes, merged: Node, image: Node) -> Iterator[Change]:
        for child in self._upper_names(merged):
            name = prefix + child
            now, before = self._now(merged, child), self._image.child(image, child)
            if now is not None:
                yield from self._node(name, now, before)
            elif before is not None and name not in MADE_BY_PODMAN:
                yield from _deletion(name, before)

    def _all_children(self, prefix: bytes, merged: Node) -> Iterator[Change]:
        for child in self._merged.names(merged):
            if (now := self._now(merged, child)) is not None:
                yield from self._node(prefix + child, now, None)

    def _now(self, merged: Node, name: bytes) -> Node | None:
        """Return what of a directory goes into the archive.

        A tar cannot hold a socket, and CRIU makes it anew when it restores its owner.
        """
        node = self._merged.child(merged, name)
        return None if node is None or stat.S_ISSOCK(node.status.st_mode) else node

    def _upper_names(self, merged: Node) -> list[bytes]:
        top = merged.places[0]
        return sorted(os.listdir(top.path)) if top.layer == 0 else []


def _deletion(name: bytes, image: Node) -> Iterator[Change]:
    if stat.S_ISLNK(image.status.st_mode):
        yield Entry(name, None)
    yield Deletion("/" + name.decode())


def _undecodable(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return True
    return False


def _metadata(node: Node) -> tuple[int, int, int, xattrs.Attributes]:
    status = node.status
    attributes = xattrs.travelling(xattrs.read(node.path))
    return status.st_mode, status.st_uid, status.st_gid, attributes
