"""The tables on the pages of ``describe``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from . import facts, screen
from .screen import Column, cell
from .summary import field
from .units import age

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

_RESULTS: Final = {"Pass": "green", "Warn": "yellow", "Fail": "red"}
_MESSAGE: Final = Column("MESSAGE", wrap=True)


@dataclass(frozen=True)
class Section:
    """A table with a title."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Text]]

    def lines(self, width: int, label: int) -> Iterator[RenderableType]:
        """Yield it for a page of this width, whose labels take ``label`` columns."""
        if not self.rows:
            yield field(self.title, "none", width=label, indent=0)
            return
        yield Text(f"{self.title}:", style="bold")
        yield screen.table(self.columns, self.rows, width=width, indent=2)


def mounts(status: Mapping[str, Any]) -> Section:
    """Return what is mounted into the container, and whether the archive holds it."""
    columns = (Column("TYPE"), Column("IN ARCHIVE"), Column("AT"), Column("SOURCE", wrap=True))
    rows = [
        [
            cell(each["type"]),
            cell("yes" if each["included"] else "no", "" if each["included"] else "yellow"),
            cell(each["destination"]),
            cell(_source(each)),
        ]
        for each in status.get("volumes") or ()
    ]
    return Section("Mounts", columns, rows)


def hooks(status: Mapping[str, Any]) -> Section:
    """Return how the commands in the container ended."""
    columns = (Column("NAME"), Column("EXIT CODE"), Column("OUTPUT", wrap=True))
    rows = [
        [cell(each["name"]), cell(each.get("exitCode", "killed")), cell(each.get("output") or "")]
        for each in status.get("hooks") or ()
    ]
    return Section("Hooks", columns, rows)


def conditions(status: Mapping[str, Any]) -> Section:
    """Return the conditions."""
    columns = (Column("TYPE"), Column("STATUS"), Column("REASON"), Column("AGE"), _MESSAGE)
    rows = [
        [
            cell(each["type"]),
            cell(each["status"]),
            cell(each["reason"]),
            cell(age(each["lastTransitionTime"])),
            cell(_unless_told(each["message"], status)),
        ]
        for each in status.get("conditions") or ()
    ]
    return Section("Conditions", columns, rows)


def preflight(status: Mapping[str, Any]) -> Section:
    """Return what was looked at before anything was touched."""
    columns = (Column("RESULT"), Column("CHECK"), _MESSAGE)
    rows = [
        [cell(each["result"], _RESULTS[each["result"]]), cell(each["check"]), cell(each["message"])]
        for each in status.get("preflight") or ()
    ]
    return Section("Preflight", columns, rows)


def events(found: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]) -> Section:
    """Return the events about an object."""
    columns = (Column("TYPE"), Column("REASON"), Column("AGE"), _MESSAGE)
    rows = [
        [
            cell(each["type"], "" if each["type"] == "Normal" else "yellow"),
            cell(each["reason"]),
            cell(age(each.get("lastTimestamp") or each.get("eventTime"))),
            cell(_unless_told(each["message"], facts.status(found))),
        ]
        for each in seen
    ]
    return Section("Events", columns, rows)


def _unless_told(message: str, status: Mapping[str, Any]) -> str:
    """Return a message, without the long things that have a place of their own on the page."""
    evidence = (status.get("diagnosis") or {}).get("evidence")
    if evidence and message.startswith(evidence):
        return "see Diagnosis"
    archive = (status.get("archive") or {}).get("uri")
    return message.replace(archive, "the archive above") if archive else message


def _source(volume: Mapping[str, Any]) -> str:
    why = f" ({volume['reason']})" if volume.get("reason") else ""
    return f"{volume.get('source') or '-'}{why}"
