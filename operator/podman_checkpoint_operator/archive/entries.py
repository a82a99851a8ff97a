"""What goes into a tar of files: a name in it, and which file of this host it is made from."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, Union

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, displayed

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")

ROOT: Final = b"/"
"""The name of a tree's own root directory.

Podman skips the metadata of a root called ``.`` and applies that of one called ``/``.
"""


MAX_NAME_BYTES: Final = 3600
"""The longest path in a tree.

With a store's own path before it, it has to stay below PATH_MAX, here and on the host that Podman
restores it on; and so has what lies in a directory of that path.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of any kind.

    Attributes:
        name: Where it goes, relative to the tree's root; any bytes but NUL.
        path: The file whose metadata, and as a rule whose content, it has; None for an empty
            placeholder that only makes room for what follows.
        content: The file that has the content, if that is another one.
        removes: It is nothing itself, and takes away what is at its name.
    """

    name: bytes
    path: bytes | None
    content: bytes | None = None
    removes: bool = False

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME_BYTES:
            raise OperationFailed(
                Cause.UNSUPPORTED_FILE,
                f"A path has {len(self.name)} bytes, and an archive takes {MAX_NAME_BYTES}: "
                f"{displayed(self.name[:80])}...",
                remedy="Delete or flatten that tree, or leave it out of the checkpoint.",
            )


Nested = Iterator[Union[_T, "Nested[_T]"]]
"""Yields items, and iterators of the same kind in the place of what they yield."""


def unnested(nested: Nested[_T]) -> Iterator[_T]:
    """Yield the items alone. Trees are deeper than Python lets functions call each other."""
    stack = [nested]
    while stack:
        for item in stack[-1]:
            if isinstance(item, Iterator):
                stack.append(item)
                break
            yield item
        else:
            stack.pop()


def tree_entries(root: Path) -> Iterator[Entry]:
    """List a directory tree, root first, in an order that does not change between two calls."""
    path = os.fsencode(root)
    yield Entry(ROOT, path)
    yield from unnested(below(path, b""))


def below(path: bytes, prefix: bytes) -> Nested[Entry]:
    """List what is in a directory, each name after a prefix."""
    for name in sorted(os.listdir(path)):
        child = path + b"/" + name
        yield Entry(prefix + name, child)
        if stat.S_ISDIR(os.lstat(child).st_mode):
            yield below(child, prefix + name + b"/")
