"""``--wait``: how an operation goes on, as it happens.

On a terminal its phases are drawn with the time that each takes; elsewhere each is one line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ...api.names import CHECKPOINTS
from ...api.reasons import ConditionType, Reason
from . import facts, screen
from .outcome import INTERRUPTED, TIMED_OUT, Stop, error
from .references import full_name
from .summary import outcome_lines
from .units import lasting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from ...api.names import Resource
    from .cluster import Cluster, Object

_TIME: Final = 7
"""Columns of ``59.9 s`` and ``12m30s``."""
AWAY: Final = "the API server does not answer; trying again"
_RESULTS: Final = {
    Reason.PREFLIGHT: ConditionType.PREFLIGHT_PASSED,
    Reason.CHECKPOINTING: ConditionType.CHECKPOINTED,
    Reason.RESTORING: ConditionType.RESTORED,
    Reason.VERIFYING: ConditionType.VERIFIED,
}
"""Phases, and the condition that tells how they ended."""


@dataclass
class Phase:
    """One phase of an operation."""

    word: str
    message: str
    began: float
    took: float | None = None
    """Seconds, when it is over."""


@dataclass
class Course:
    """The phases of an operation, as far as they were seen."""

    phases: list[Phase] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def see(self, found: Object) -> Phase | None:
        """Take in a state, and return the phase that has begun with it."""
        now, state = time.monotonic(), facts.state(found)
        last = self.phases[-1] if self.phases else None
        if last is not None and last.word == state.word:
            last.message = state.message
            return None
        if last is not None:
            last.took = now - last.began
            last.message = self._result(found, last) or last.message
        began = self.began if last is None or state.ended else now
        phase = Phase(state.word, _message(found), began, now - self.began if state.ended else None)
        self.phases.append(phase)
        return phase

    @staticmethod
    def _result(found: Object, phase: Phase) -> str:
        if phase.word not in list(_RESULTS):
            return ""
        told = facts.condition(found, _RESULTS[Reason(phase.word)])
        return str(told["message"]) if told else ""


def watch(cluster: Cluster, resource: Resource, made: Object, *, seconds: float) -> Object:
    """Show how an operation goes on, and return it when it has ended, well or not.

    Args:
        cluster: where it is.
        resource: its kind.
        made: it, as it was created.
        seconds: when to stop waiting; zero, never.

    Raises:
        Stop: the time is over, the user has interrupted, or somebody has deleted it.
    """
    console = screen.err()
    view: _Drawn | _Lines = _Drawn(console, made) if console.is_terminal else _Lines(console)
    states = cluster.follow(resource, made["metadata"]["name"], seconds=seconds)
    try:
        with view:
            found = _to_the_end(states, view)
    except KeyboardInterrupt:
        raise _still_going(made, "interrupted", INTERRUPTED) from None
    if found is None:
        raise _still_going(made, "timed out waiting", TIMED_OUT)
    for line in outcome_lines(found):
        screen.show(console, line)
    return found


def _to_the_end(states: Iterable[Object | None], view: _Drawn | _Lines) -> Object | None:
    for found in states:
        if found is None:
            view.note(AWAY)
            continue
        view.see(found)
        if facts.state(found).ended:
            return found
    return None


def _still_going(made: Object, what: str, status: int) -> Stop:
    word = f"{facts.resource_of(made).short}/{made['metadata']['name']}"
    return error(
        f"{what}: {full_name(made)} goes on\nSee how: kubectl podman-checkpoint describe {word}",
        status,
    )


def _message(found: Object) -> str:
    """Return what is said of a phase; what comes after the end tells it better."""
    state = facts.state(found)
    if state.failed:
        return state.cause
    return "" if state.ended and facts.status(found).get("archive") else state.message


class _Lines:
    """A line for each phase, with the seconds since the beginning."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._course = Course()
        self._noted = ""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def see(self, found: Object) -> None:
        self._noted = ""
        if (phase := self._course.see(found)) is not None:
            self._say(f"{phase.word}{phase.message and ': '}{phase.message}")

    def note(self, text: str) -> None:
        if text != self._noted:
            self._noted = text
            self._say(text)

    def _say(self, text: str) -> None:
        passed = time.monotonic() - self._course.began
        self._console.print(screen.cell(f"{passed:6.1f}s  {text}"), soft_wrap=True)


class _Drawn:
    """All phases, drawn again and again."""

    def __init__(self, console: Console, made: Object) -> None:
        self._console = console
        self._course = Course()
        self._note = ""
        self._spinner = Spinner("dots" if is_unicode(console) else "line", style="yellow")
        noun = "Checkpoint" if made["kind"] == CHECKPOINTS.kind else "Restore"
        where = f"{noun} of {facts.about(made)} on {made['spec']['nodeName']}"
        self._title = screen.cell(where, "bold")
        self._live = Live(
            get_renderable=self._drawing, console=console, refresh_per_second=10, transient=False
        )

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def see(self, found: Object) -> None:
        self._note = ""
        self._course.see(found)

    def note(self, text: str) -> None:
        self._note = text

    def _drawing(self) -> Group:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(width=1)
        grid.add_column(width=max((len(each.word) for each in self._course.phases), default=1))
        grid.add_column(width=_TIME, justify="right")
        grid.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        for phase in self._course.phases:
            grid.add_row(*self._row(phase))
        if self._note:
            grid.add_row("", "", "", screen.cell(self._note, "yellow"))
        return Group(self._title, grid)

    def _row(self, phase: Phase) -> tuple[Any, ...]:
        took = time.monotonic() - phase.began if phase.took is None else phase.took
        mark: Any = self._spinner
        if phase.took is not None:
            bad = phase.word == "Failed"
            sign = ("✗" if bad else "✓") if is_unicode(self._console) else ("x" if bad else "*")
            mark = Text(sign, style="red" if bad else "green")
        return mark, phase.word, Text(lasting(took), style="dim"), screen.cell(phase.message, "dim")


def is_unicode(console: Console) -> bool:
    """Whether a terminal can show more than ASCII."""
    return console.encoding.lower().startswith("utf")
