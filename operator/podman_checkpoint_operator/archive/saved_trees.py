"""The trees that Podman restores: root file system and named volumes, as tars of known size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..decisions.facts import SparseFile
from ..decisions.failures import displayed, from_os_error
from .entries import Entry, tree_entries
from .overlay import overlay_changes
from .rootfs import Change, Deletion, RootfsDiff
from .tarstream import TreeTar
from .whole import whole_changes

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SavedTrees:
    """The trees of one archive.

    Attributes:
        rootfs: What the container has changed in its root file system, if that is to be included.
        deleted: Paths of the image that it has deleted there.
        volumes: Content of each named volume, by name.
    """

    rootfs: TreeTar | None
    deleted: tuple[str, ...]
    volumes: Mapping[str, TreeTar]

    def sparse_files(self) -> Iterator[SparseFile]:
        """Yield the files that have holes."""
        trees = {"": self.rootfs} if self.rootfs else {}
        for volume, tar in {**trees, **self.volumes}.items():
            for name, holes in tar.holes():
                yield SparseFile(volume, name.decode("utf-8", "surrogateescape"), holes)


def saved_trees(rootfs: RootfsDiff | None, volumes: Mapping[str, Path]) -> SavedTrees:
    """Look through the trees of an archive.

    Raises:
        OperationFailed: One cannot be read, or cannot be expressed in a Podman archive.
    """
    tar, deleted = _changed(rootfs) if rootfs else (None, ())
    tars = {name: TreeTar(partial(tree_entries, path)) for name, path in sorted(volumes.items())}
    return SavedTrees(tar, deleted, tars)


def _changed(diff: RootfsDiff) -> tuple[TreeTar, tuple[str, ...]]:
    try:
        # Comparing whole trees takes long and finds little, the other way round for an overlay.
        found = tuple(whole_changes(diff)) if diff.whole else None

        def changes() -> Iterator[Change]:
            return overlay_changes(diff) if found is None else iter(found)

        def entries() -> Iterator[Entry]:
            return (change for change in changes() if isinstance(change, Entry))

        deleted = tuple(change.path for change in changes() if isinstance(change, Deletion))
        tar = TreeTar(entries)
        tar.size()
    except OSError as error:
        raise from_os_error(error, f"read the layers of {displayed(diff.upper)}") from error
    return tar, deleted
