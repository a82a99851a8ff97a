"""What an operation has come to, in a few lines: for ``--wait``, ``describe`` and ``diagnose``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ...decisions.preflight import size
from . import facts, screen
from .units import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

_INDENT: Final = 2
_GAP: Final = 2
_PAGE: Final = 4096
"""Bytes of a page of memory, as CRIU counts them."""


def field(
    name: str, value: object, *, style: str = "", width: int = 10, indent: int = _INDENT
) -> RenderableType:
    """Return a named value whose further lines stand below its first."""
    text = value if isinstance(value, Text) else screen.cell(value, style)
    label = name and f"{name}:"
    if " " not in text.plain:
        return Text.assemble(f"{'':{indent}}{label:<{width + _GAP}}", text)
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(width=width, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label, text)
    return Padding(grid, (0, 0, 0, indent), expand=False)


def outcome_lines(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what a user wants to know at the end: results, or cause and cure."""
    status = facts.status(found)
    if facts.state(found).failed:
        yield from diagnosis(found)
        return
    if archive := status.get("archive"):
        yield field("Archive", f"{size(archive['sizeBytes'])}, {archive['compression']}")
        yield field("", archive["uri"])
    if told := statistics(status):
        yield field("Measured", told)
    if facts.condition(found, "MountsIncluded") and (missing := left_out(status)):
        yield field("Beside it", f"{', '.join(missing)}: needed on the host that restores it")


def diagnosis(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield cause, evidence and remedy of a failure."""
    given = facts.status(found).get("diagnosis") or {}
    state = facts.state(found)
    yield field("Cause", given.get("cause") or state.cause, style="red")
    yield field("Evidence", given.get("evidence") or state.message)
    if given.get("remedy"):
        yield field("Remedy", given["remedy"], style="bold")


def statistics(status: Mapping[str, Any]) -> str:
    """Return times and amounts of an operation, as far as they are known."""
    given = status.get("statistics") or {}
    parts = [
        f"{verb} {lasting(given[name] / 1e6)}"
        for verb, name in (
            ("paused for", "pausedMicroseconds"),
            ("frozen for", "frozenMicroseconds"),
            ("restored in", "restoreMicroseconds"),
        )
        if given.get(name)
    ]
    if written := given.get("pagesWritten"):
        parts.append(f"{size(written * _PAGE)} of memory")
    if copied := given.get("pagesPreCopied"):
        parts.append(f"{size(copied * _PAGE)} of it before the pause")
    return ", ".join(parts)


def left_out(status: Mapping[str, Any]) -> list[str]:
    """Return the mounts whose content is not in the archive."""
    return [
        str(each.get("source") or each["destination"])
        for each in status.get("volumes") or ()
        if not each["included"]
    ]
