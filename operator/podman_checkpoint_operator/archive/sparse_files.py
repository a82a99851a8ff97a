"""The list of an archive's sparse files, at its head.

In the tars inside an archive sparse files are as GNU tar writes them. Podman reads such entries,
and writes zeros where the holes were. The list says where these are to be made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import accumulate, takewhile
from typing import Final

from ..decisions.facts import SparseFile
from . import members
from .tarwalk import corrupt

MOST_LISTED: Final = 200_000
"""Holes in the list, which is read as a whole."""


def write_list(files: Iterable[SparseFile]) -> bytes:
    """Return the list as a document: names that are not UTF-8 are kept, too many files left out."""
    listed = list(files)
    counts = accumulate(len(file.holes) for file in listed)
    known = [count for count in takewhile(lambda count: count <= MOST_LISTED, counts)]
    return json.dumps(
        [
            {"volume": file.volume, "name": file.name, "holes": file.holes}
            for file in listed[: len(known)]
        ]
    ).encode()


def read_list(document: bytes | None) -> tuple[SparseFile, ...]:
    """Read the list of an archive; without one, it has no sparse files.

    Raises:
        OperationFailed: It is damaged.
    """
    try:
        return tuple(
            SparseFile(
                volume=str(each["volume"]),
                name=_below(str(each["name"])),
                holes=tuple((_natural(start), _natural(length)) for start, length in each["holes"]),
            )
            for each in json.loads(document or b"[]")
        )
    except (ValueError, TypeError, KeyError) as error:
        raise corrupt(f"{members.SPARSE_FILES} is damaged ({error})") from error


def _below(name: str) -> str:
    if {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"{name!r} is no path below a root")
    return name


def _natural(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no position in a file")
    return value
