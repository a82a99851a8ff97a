"""What a container changed in its root file system: the input of ``rootfs-diff.tar``.

On import Podman unpacks ``rootfs-diff.tar`` over the image and then removes every path that
``deleted.files`` lists. These properties of that are relied on here:

* An entry that is not a directory replaces whatever is at its path, a whole directory included. So
  an empty placeholder file before a directory of the same name makes that directory start empty:
  the way to express an opaque or renamed directory.
* It makes room for a header that no file follows ("global" in POSIX), too: such a header with the
  name of a path of the image makes that path go away while the tar is unpacked, so before the times
  of directories are set. The path is listed as deleted as well, for whoever ignores such headers
  and for those names that have no room in one.
* Newer Podman follows a symlink that it is told to delete, and deletes the target instead. So a
  deleted symlink is first replaced by a placeholder file.
* It sets the extended attributes that an entry has, and takes none away from a directory that is
  there. One that has lost some is therefore written out whole.
* ``deleted.files`` is JSON and cannot name a path that is not UTF-8. The directory of such a file
  is written out whole instead.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed
from . import xattrs
from .entries import Entry

if TYPE_CHECKING:
    import os
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
    """Where the root file system of a container lies on this host.

    Attributes:
        upper: What the container has changed, or a capture of it: the writable layer of an
            overlay, or with ``whole`` the container's whole tree.
        lowers: The layers of the image, topmost first; with ``whole`` one, the image's whole tree.
        whole: The storage driver (vfs) keeps a whole tree for each layer.
    """

    upper: Path
    lowers: tuple[Path, ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """A path of the image that the container removed, as ``deleted.files`` names it."""

    path: str


Change = Entry | Deletion


def deletion(name: bytes, image: os.stat_result) -> Iterator[Change]:
    """Return what makes Podman remove a path of the image."""
    if stat.S_ISLNK(image.st_mode):
        yield Entry(name, None)
    yield Entry(name, None, removes=True)
    yield Deletion("/" + name.decode())


def lost_attributes(now: bytes, image: bytes) -> bool:
    """Whether a directory has no longer all the extended attributes that the image gives it."""
    return not xattrs.travelling(xattrs.read(image)).keys() <= xattrs.read(now).keys()


def undecodable(name: bytes) -> bool:
    """Whether JSON cannot name a path."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return True
    return False


def undecodable_in_root() -> OperationFailed:
    """Return the error for a deletion that cannot be expressed at all."""
    return OperationFailed(
        Cause.UNSUPPORTED_FILE,
        "A file in the container's root directory was deleted whose name is not UTF-8; "
        "a checkpoint archive cannot say so",
        remedy="Recreate it in the container, or use an image without it.",
    )
