"""What an archive of a unit's container restores is beside the unit, not a part of it.

It gets a control group of its own. With ``--cgroups=split``, which all Quadlets have, Podman puts a
container below the group of who starts it. For an archive that is Podman's service: systemd could
not start that any more, as long as the container runs, since a group that hands controllers down
must have no processes itself.

A copy of another name has no label of the unit: else the unit would be held, and told to restore,
for a container that it has never run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from ..api.names import UNIT_LABEL
from . import members
from .tarstream import BLOCK
from .tarwalk import Member, TarWalk

_MODE: Final = "cgroupsMode"
_SPLIT: Final = "split"


def beside_unit(plain: Iterable[bytes], *, copy: bool) -> Iterator[bytes]:
    """Yield the tar of an archive that was seen to be good, changed only in this, and as long.

    Args:
        plain: the tar.
        copy: it is restored under another name.
    """
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
            held = held[:start] + _changed(held[start:stop], copy) + held[stop:]
        if not spans:
            yield held
            passed += len(held)
            held = b""
    if held:
        yield held


def _changed(config: bytes, copy: bool) -> bytes:
    document = json.loads(config)
    labels = document.get("labels") or {}
    split = document.get(_MODE) == _SPLIT
    if not split and not (copy and UNIT_LABEL in labels):
        return config
    if split:
        del document[_MODE]
    if copy:
        labels.pop(UNIT_LABEL, None)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # The length is in the tar's header, and JSON may end with spaces.
    return text.encode(errors="replace").ljust(len(config))
