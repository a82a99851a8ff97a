"""Lookups in a stack of overlay layers, by the rules of the kernel's overlay file system.

A layer is a plain directory. Besides files it holds notes for the overlay: whiteouts (a character
device 0:0 hides what lies below), opaque directories (nothing below shines through), redirects (a
renamed directory continues elsewhere below) and metacopy files (metadata changed, content below).
See Documentation/filesystems/overlayfs.rst of Linux.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, displayed
from . import xattrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = xattrs.OVERLAY_PREFIXES


@dataclass(frozen=True, slots=True)
class Place:
    """A path in one layer of a stack; the layer is its index, topmost first."""

    layer: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Node:
    """What the container sees at one path.

    Attributes:
        places: For a directory every layer that contributes to it, topmost first, the first of
            which gives the metadata; for anything else the one file.
        status: ``lstat`` of the first place.
        content: For a metacopy file, the file that has the content.
    """

    places: tuple[Place, ...]
    status: os.stat_result
    content: bytes | None = None

    @property
    def is_directory(self) -> bool:
        """Whether it can have children."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def path(self) -> bytes:
        """The file on this host that gives the metadata."""
        return self.places[0].path


class Stack:
    """Layers merged as the overlay file system merges them.

    Args:
        layers: Directories, topmost first.
    """

    def __init__(self, layers: tuple[bytes, ...]) -> None:
        self._layers = layers

    def root(self) -> Node:
        """Return the root directory."""
        places = tuple(Place(index, path) for index, path in enumerate(self._layers))
        return Node(places, os.lstat(places[0].path))

    def names(self, directory: Node) -> Iterator[bytes]:
        """List the names in a directory in order, whiteouts included."""
        found: set[bytes] = set()
        for place in directory.places:
            found.update(os.listdir(place.path))
        yield from sorted(found)

    def child(self, directory: Node, name: bytes) -> Node | None:
        """Return what is at a name in a directory, or None where there is nothing."""
        return self._resolve(directory.places, name)

    def _resolve(self, parents: tuple[Place, ...], name: bytes) -> Node | None:
        top: os.stat_result | None = None
        places: list[Place] = []
        queue = list(parents)
        while queue:
            parent = queue.pop(0)
            path = parent.path + b"/" + name
            status = _lstat(path)
            if status is None:
                continue
            if is_whiteout(status):
                break
            place = Place(parent.layer, path)
            notes = _notes(path)
            if not stat.S_ISDIR(status.st_mode):
                if top is None:
                    return self._file(place, status, notes, queue, name)
                break  # a file below a directory is hidden
            places.append(place)
            top = top or status
            if notes.opaque:
                break
            if notes.redirect:
                queue, name = self._redirected(notes.redirect, place, queue)
        return Node(tuple(places), top) if top else None

    def _file(
        self,
        place: Place,
        status: os.stat_result,
        notes: _Notes,
        below: list[Place],
        name: bytes,
    ) -> Node:
        if not notes.metacopy:
            return Node((place,), status)
        if notes.redirect:
            below, name = self._redirected(notes.redirect, place, below)
        data = self._resolve(tuple(below), name)
        if data is None or not stat.S_ISREG(data.status.st_mode):
            raise OperationFailed(
                Cause.UNSUPPORTED_STORAGE_DRIVER,
                f"The content of {displayed(place.path)} lies in a lower layer and is not there",
                remedy="Run the container without metacopy (mountopt in storage.conf).",
            )
        return Node((place,), status, content=data.content or data.path)

    def _redirected(
        self, redirect: bytes, place: Place, below: list[Place]
    ) -> tuple[list[Place], bytes]:
        """Return where a lookup goes on below a redirect: parent directories and the name there."""
        if not redirect.startswith(b"/"):
            return below, redirect
        *parents, name = redirect.strip(b"/").split(b"/")
        places = tuple(
            Place(index, path) for index, path in enumerate(self._layers) if index > place.layer
        )
        for parent in parents:
            node = self._resolve(places, parent)
            if node is None:
                return [], name
            places = node.places
        return list(places), name


@dataclass(frozen=True, slots=True)
class _Notes:
    opaque: bool
    redirect: bytes
    metacopy: bool


def _notes(path: bytes) -> _Notes:
    """Read the overlay's extended attributes of one file, the privileged or the user kind."""
    found = {
        name.removeprefix(prefix): value
        for name, value in xattrs.read(path).items()
        for prefix in _PREFIX
        if name.startswith(prefix)
    }
    return _Notes(
        opaque=found.get("opaque") == b"y",
        redirect=found.get("redirect", b""),
        metacopy="metacopy" in found,
    )


def is_whiteout(status: os.stat_result) -> bool:
    """Tell whether a file of a layer says that there is nothing at its path."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _lstat(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
