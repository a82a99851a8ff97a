"""Extended attributes: read and set them on any kind of file, and know which may travel."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_HERE: Final = frozenset({errno.ENOTSUP, errno.ENODATA, errno.ENOSYS})

OVERLAY_PREFIXES: Final = ("trusted.overlay.", "user.overlay.")
"""The overlay driver's own notes on a layer. Outside that layer they mean nothing, or do harm."""

_TRAVELLING_PREFIXES: Final = ("user.", "trusted.")
_TRAVELLING: Final = frozenset(
    {
        "security.capability",
        "security.ima",
        "system.posix_acl_access",
        "system.posix_acl_default",
    }
)

Attributes = dict[str, bytes]


def read(path: str | bytes | int) -> Attributes:
    """Return all extended attributes of a file, not following a symlink.

    Attributes that vanish meanwhile, and file systems without any, yield nothing.
    """
    follow = isinstance(path, int)
    try:
        names = os.listxattr(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return {}
        raise
    found: Attributes = {}
    for name in names:
        try:
            found[name] = os.getxattr(path, name, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
    return found


def write(path: str | bytes | int, attributes: Mapping[str, bytes]) -> None:
    """Set extended attributes of a file, not following a symlink."""
    for name, value in attributes.items():
        os.setxattr(path, name, value, follow_symlinks=isinstance(path, int))


def travelling(attributes: Mapping[str, bytes]) -> Attributes:
    """Select what belongs into an archive: capabilities, ACLs and what programs stored.

    Left out are labels of security modules (the target host has its own policy), the overlay
    driver's notes, and names that a tar header cannot carry.
    """
    return {
        name: value
        for name, value in attributes.items()
        if (name in _TRAVELLING or name.startswith(_TRAVELLING_PREFIXES))
        and not name.startswith(OVERLAY_PREFIXES)
        and "=" not in name
        and name.isprintable()
    }
