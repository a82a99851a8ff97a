"""What the commands print: tables that fit the terminal, fields, JSON and YAML."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_GAP: Final = 2
_NARROWEST: Final = 12
"""Columns of the terminal that a name keeps, however many others stand beside it."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    drop: int = 0
    """Which columns go first where the terminal is too narrow: those of the highest number."""
    wrap: bool = False
    """Whether its text goes on in the next line."""


def out() -> Console:
    """Return where results go; what is piped is not cut to anybody's terminal."""
    return _console(stderr=False)


def err() -> Console:
    """Return where progress and hints go."""
    return _console(stderr=True)


def cell(text: object, style: str = "") -> Text:
    """Return a text that holds nothing a terminal would obey, in one line."""
    return Text(printable(str(text)), style=style)


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], *, width: int, indent: int = 0
) -> Padding:
    """Return rows under their titles, without the columns that do not fit.

    Args:
        columns: the columns.
        rows: as many cells each.
        width: of the terminal.
        indent: columns left free before it.
    """
    kept = _fitting(columns, rows, width - indent)
    made = Table(
        box=None, show_edge=False, pad_edge=False, padding=(0, _GAP, 0, 0), header_style=""
    )
    for index in kept:
        wrap = columns[index].wrap
        made.add_column(
            columns[index].title,
            no_wrap=not wrap,
            overflow="fold" if wrap else "ellipsis",
        )
    for row in rows:
        made.add_row(*(row[index] for index in kept))
    return Padding(made, (0, 0, 0, indent), expand=False)


def show(console: Console, made: object) -> None:
    """Print, without the blanks that fill up lines."""
    with console.capture() as captured:
        # An address or a digest is left to the terminal to wrap: so it can be copied.
        console.print(made, soft_wrap=isinstance(made, Text))
    for line in captured.get().splitlines():
        console.file.write(f"{line.rstrip()}\n")


def show_json(value: object) -> None:
    """Print as ``-o json``."""
    print(json.dumps(value, indent=4, ensure_ascii=False))


def show_yaml(value: object) -> None:
    """Print as ``-o yaml``."""
    import yaml  # noqa: PLC0415 - not every command needs it

    print(yaml.safe_dump(value, sort_keys=True, allow_unicode=True), end="")


def show_objects(kind: str, found: Sequence[Mapping[str, Any]], *, single: bool) -> None:
    """Print objects as ``-o json`` and ``-o yaml`` do in kubectl, one or a list of them."""
    objects = [_bare(each) for each in found]
    value = {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}}
    (show_json if kind == "json" else show_yaml)(objects[0] if single else value)


def _bare(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in found["metadata"].items() if k != "managedFields"}
    return {**found, "metadata": metadata}


def _fitting(
    columns: Sequence[Column], rows: Iterable[Sequence[Text]], width: int
) -> Sequence[int]:
    widths = [cell_len(column.title) for column in columns]
    for row in rows:
        widths = [max(a, cell_len(each.plain)) for a, each in zip(widths, row, strict=True)]
    widths = [
        min(wide, _NARROWEST) if column.wrap else wide
        for wide, column in zip(widths, columns, strict=True)
    ]
    kept = list(range(len(columns)))
    by_drop = sorted(kept, key=lambda index: -columns[index].drop)
    for index in by_drop:
        if sum(widths[each] + _GAP for each in kept) - _GAP <= width or not columns[index].drop:
            break
        kept.remove(index)
    return kept


def _console(*, stderr: bool) -> Console:
    file = sys.stderr if stderr else sys.stdout
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not file.isatty():
        console.width = 100_000
    return console
