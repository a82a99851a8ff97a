"""What a container on the overlay driver changed, by its writable layer and the image's layers."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from .entries import ROOT, Entry, unnested
from .layers import Node, Stack
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


def overlay_changes(diff: RootfsDiff) -> Iterator[Change]:
    """List what was added, changed and deleted, parents before children, always in the same order.

    Raises:
        OperationFailed: A change cannot be expressed in a Podman archive.
    """
    return unnested(_Comparison(diff).root())


class _Comparison:
    """The image's view of the root file system against the container's."""

    def __init__(self, diff: RootfsDiff) -> None:
        lowers = tuple(os.fsencode(lower) for lower in diff.lowers)
        self._merged = Stack((os.fsencode(diff.upper), *lowers))
        self._image = Stack(lowers)

    def root(self) -> Nested[Change]:
        merged, image = self._merged.root(), self._image.root()
        # Unchanged, too: another storage driver gives the same image's root another mode, and CRIU
        # restores no process that has it open then.
        yield Entry(ROOT, merged.path)
        if any(undecodable(name) for name in self._deleted(merged, image)):
            raise undecodable_in_root()
        yield self._changed_children(b"", merged, image)

    def _node(self, name: bytes, merged: Node, image: Node | None) -> Nested[Change]:
        """List one path and what is below it; ``image`` is what Podman will find there."""
        if name in MADE_BY_PODMAN and not merged.is_directory:
            return
        if not merged.is_directory:
            yield Entry(name, merged.path, merged.content)
        elif image is not None and self._continues(name, merged, image):
            yield Entry(name, merged.path)
            yield self._changed_children(name + b"/", merged, image)
        else:
            if image is not None and image.is_directory:
                yield Entry(name, None)
            yield Entry(name, merged.path)
            yield self._all_children(name + b"/", merged)

    def _continues(self, name: bytes, merged: Node, image: Node) -> bool:
        """Tell whether a directory is the image's one with changes, and these can be expressed."""
        below = [place.path for place in merged.places if place.layer > 0]
        if not image.is_directory or below != [place.path for place in image.places]:
            return False
        if lost_attributes(merged.path, image.path):
            return False
        return not any(undecodable(name + b"/" + child) for child in self._deleted(merged, image))

    def _deleted(self, merged: Node, image: Node) -> Iterator[bytes]:
        for name in self._upper_names(merged):
            if self._now(merged, name) is None and self._image.child(image, name):
                yield name

    def _changed_children(self, prefix: bytes, merged: Node, image: Node) -> Nested[Change]:
        for child in self._upper_names(merged):
            name = prefix + child
            now, before = self._now(merged, child), self._image.child(image, child)
            if now is not None:
                yield self._node(name, now, before)
            elif before is not None and name not in MADE_BY_PODMAN:
                yield deletion(name, before.status)

    def _all_children(self, prefix: bytes, merged: Node) -> Nested[Change]:
        for child in self._merged.names(merged):
            if (now := self._now(merged, child)) is not None:
                yield self._node(prefix + child, now, None)

    def _now(self, merged: Node, name: bytes) -> Node | None:
        """Return what of a directory goes into the archive.

        A tar cannot hold a socket, and CRIU makes it anew when it restores its owner.
        """
        node = self._merged.child(merged, name)
        return None if node is None or stat.S_ISSOCK(node.status.st_mode) else node

    def _upper_names(self, merged: Node) -> list[bytes]:
        top = merged.places[0]
        return sorted(os.listdir(top.path)) if top.layer == 0 else []
