"""Bind mounts in an archive: an index at its head, and a tar for each source at its very end.

Podman knows nothing of them. It would unpack them twice, and so it is given the archive only up to
where they begin; what it gets of the index lies unused in the bundle. By hand, ``tar`` lays them
down: ``bind-mounts.json`` says which source is in which member.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import members
from .entries import Entry, tree_entries
from .tarstream import END, TreeTar
from .tarwalk import corrupt


@dataclass(frozen=True, slots=True)
class BindContent:
    """What an archive says of one source."""

    source: Path
    """On the host of the checkpoint."""
    is_directory: bool
    member: str
    size_bytes: int


def bind_tar(path: Path) -> TreeTar:
    """Return a directory, or a single file, as a tar."""
    if path.is_dir():
        return TreeTar(lambda: tree_entries(path))
    name = path.name.encode(errors="surrogateescape")
    return TreeTar(lambda: iter((Entry(name, bytes(path)),)))


def index_of(contents: Mapping[Path, Path]) -> list[BindContent]:
    """Return the index of an archive, given where the content of each source lies."""
    return [
        BindContent(source, path.is_dir(), members.BIND_MOUNT.format(number), bind_tar(path).size())
        for number, (source, path) in enumerate(sorted(contents.items()))
    ]


def write_index(index: Iterable[BindContent]) -> bytes:
    """Return the index as a document; names that are not UTF-8 are kept."""
    return json.dumps(
        [
            {
                "source": str(each.source),
                "directory": each.is_directory,
                "member": each.member,
                "sizeBytes": each.size_bytes,
            }
            for each in index
        ],
        indent=1,
    ).encode()


def read_index(document: bytes | None) -> tuple[BindContent, ...]:
    """Read an index; without one, an archive holds no bind mounts.

    Raises:
        OperationFailed: It is damaged.
    """
    try:
        return tuple(_content(each) for each in json.loads(document or b"[]"))
    except (ValueError, TypeError, KeyError) as error:
        raise corrupt(f"{members.BIND_MOUNTS_INDEX} is damaged ({error})") from error


def _content(each: Mapping[str, object]) -> BindContent:
    source = Path(str(each["source"]))
    if not source.is_absolute() or ".." in source.parts:
        raise ValueError(f"{source} is no path of a host")
    return BindContent(
        source, bool(each["directory"]), str(each["member"]), int(str(each["sizeBytes"]))
    )


def up_to(plain: Iterable[bytes], end: int) -> Iterator[bytes]:
    """Yield the first ``end`` bytes of a tar as a whole one, when the rest was seen to be good."""
    left, cut = end, False
    for piece in plain:
        cut = cut or len(piece) > left
        if left:
            yield piece[:left]
            left -= min(left, len(piece))
    if cut:
        yield END
