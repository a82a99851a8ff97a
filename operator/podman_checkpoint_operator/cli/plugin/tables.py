"""The tables of ``list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...api.names import CHECKPOINTS
from ...decisions.preflight import size
from . import facts
from .screen import Column, cell
from .units import age, lasting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

    from ...api.names import Resource

Row = list["Text"]

_CHECKPOINTS: Final = (
    Column("NAME"),
    Column("CONTAINER", drop=3),
    Column("NODE", drop=2),
    Column("STATUS"),
    Column("SIZE", drop=4),
    Column("PAUSE", drop=5),
    Column("AGE", drop=1),
)
_RESTORES: Final = (
    Column("NAME"),
    Column("CONTAINER", drop=3),
    Column("NODE", drop=2),
    Column("STATUS"),
    Column("FROM", drop=4),
    Column("TOOK", drop=5),
    Column("AGE", drop=1),
)
_NAMESPACE: Final = Column("NAMESPACE")
_WIDE: Final = {
    CHECKPOINTS.kind: (Column("IMAGE"), Column("ARCHIVE"), Column("MESSAGE")),
}
_WIDE_RESTORE: Final = (Column("IMAGE"), Column("MESSAGE"))


def columns(resource: Resource, *, wide: bool, namespaces: bool) -> list[Column]:
    """Return the columns of a kind; ``wide`` ones are never left out."""
    own = _CHECKPOINTS if resource is CHECKPOINTS else _RESTORES
    more = _WIDE.get(resource.kind, _WIDE_RESTORE) if wide else ()
    everything = [*((_NAMESPACE,) if namespaces else ()), *own, *more]
    return [Column(each.title) for each in everything] if wide else everything


def row(found: Mapping[str, Any], *, wide: bool, namespaces: bool) -> Row:
    """Return the cells of an object, for the same columns."""
    metadata, status, now = found["metadata"], facts.status(found), facts.shown(found)
    first = [cell(metadata["namespace"])] if namespaces else []
    common = [
        cell(metadata["name"]),
        cell(facts.container(found) or "-"),
        cell(found["spec"]["nodeName"]),
        cell(now.text, now.style),
    ]
    image = cell((status.get("container") or {}).get("image") or "-")
    created = cell(age(metadata["creationTimestamp"]))
    if found["kind"] == CHECKPOINTS.kind:
        archive = status.get("archive") or {}
        own = [cell(_size(archive)), cell(_lasting(status, "pausedMicroseconds")), created]
        more = [image, cell(archive.get("uri") or "-")]
    else:
        own = [cell(facts.source(found)), cell(_lasting(status, "restoreMicroseconds")), created]
        more = [image]
    return [*first, *common, *own, *((*more, cell(now.message)) if wide else ())]


def _size(archive: Mapping[str, Any]) -> str:
    return size(archive["sizeBytes"]) if "sizeBytes" in archive else "-"


def _lasting(status: Mapping[str, Any], name: str) -> str:
    microseconds = (status.get("statistics") or {}).get(name)
    return "-" if microseconds is None else lasting(microseconds / 1e6)
