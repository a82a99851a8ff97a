"""``drain --wait``: how each container of a host fares, as it happens."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from ...api.reasons import ConditionType
from . import facts, screen
from .drain import COLUMNS, has_seen, rows
from .progress import AWAY, is_unicode
from .units import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from .cluster import Object


class View(Protocol):
    """What is told of each state of the host; none, while the API server is away."""

    def see(self, found: Object | None) -> None:
        """Show a state."""


@contextmanager
def view(console: Console, title: str) -> Iterator[View]:
    """Draw on a terminal; elsewhere print a line for each change, and all containers at the end."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    drawn = _Drawn(console, title)
    with drawn.live:
        try:
            yield drawn
        finally:
            drawn.over = True


def summary(found: Object | None) -> str:
    """Return what the condition says."""
    told = found and facts.condition(found, ConditionType.DRAINED)
    return f"{told['reason']}: {told['message']}" if told else "its agent has not begun yet"


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._said: set[str] = set()

    def see(self, found: Object | None) -> None:
        if found is None:
            self._say(AWAY)
            return
        if not has_seen(found):
            self._say(summary(None))
            return
        for name, state, _, message in rows(found):
            text = f"{name.plain}: {state.plain}"
            self._say(f"{text}: {message.plain}" if message.plain else text)
        self._say(summary(found))

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            passed = time.monotonic() - self._began
            self._console.print(screen.cell(f"{passed:6.1f}s  {text}"), soft_wrap=True)


class _Drawn:
    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._began = time.monotonic()
        self._found: Object | None = None
        self._note = ""
        self._spinner = Spinner("dots" if is_unicode(console) else "line", style="yellow")
        self.over = False
        self.live = Live(get_renderable=self._drawing, console=console, refresh_per_second=10)

    def see(self, found: Object | None) -> None:
        self._note = AWAY if found is None else ""
        if found and has_seen(found):
            self._found = found

    def _drawing(self) -> Group:
        head = Table.grid(padding=(0, 1))
        passed = screen.cell(lasting(time.monotonic() - self._began), "dim")
        head.add_row("" if self.over else self._spinner, screen.cell(self._title, "bold"), passed)
        parts: list[object] = [head]
        if self._found and (found := rows(self._found)):
            parts.append(screen.table(COLUMNS, found, width=self._console.width, indent=2))
        parts.append(
            screen.cell(self._note or summary(self._found), "yellow" if self._note else "")
        )
        return Group(*parts)  # type: ignore[arg-type]
