"""A restored container gets a control group of its own, also one that had a part of a unit's.

With ``--cgroups=split``, which all Quadlets have, Podman puts a container below the group of who
starts it. For an archive that is Podman's service: systemd could not start that any more, as long
as the container runs, since a group that hands controllers down must have no processes itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from . import members
from .tarstream import BLOCK
from .tarwalk import Member, TarWalk

_MODE: Final = "cgroupsMode"
_SPLIT: Final = "split"


def with_own_cgroup(plain: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the tar of an archive that was seen to be good, changed only in this, and as long."""
    spans: list[slice] = []

    def note(member: Member) -> None:
        if member.name == members.CONFIG:
            start = walk.offset + BLOCK
            spans.append(slice(start, start + member.size))

    walk = TarWalk(receive=note)
    passed = 0
    held = b""
    for piece in plain:
        walk.feed(piece)
        held += piece
        while spans and spans[0].stop <= passed + len(held):
            span = spans.pop(0)
            start, stop = span.start - passed, span.stop - passed
            held = held[:start] + _changed(held[start:stop]) + held[stop:]
        if not spans:
            yield held
            passed += len(held)
            held = b""
    if held:
        yield held


def _changed(config: bytes) -> bytes:
    document = json.loads(config)
    if document.get(_MODE) != _SPLIT:
        return config
    del document[_MODE]
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # The length is in the tar's header, and JSON may end with spaces.
    return text.encode(errors="replace").ljust(len(config))
