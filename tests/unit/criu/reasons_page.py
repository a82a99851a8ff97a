"""Writes ``docs/reasons.md`` from the vocabulary and the catalogue: ``make docs``.

The meaning of a member is the string below it in ``api/reasons.py``, the groups of causes are the
comments there, and the remedies are those of the catalogue's entries.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason
from podman_checkpoint_operator.criu.dump_failures import DUMP_FAILURES
from podman_checkpoint_operator.criu.entry import PLACES
from podman_checkpoint_operator.criu.general_failures import EXHAUSTED, LAST_RESORT
from podman_checkpoint_operator.criu.podman_failures import PODMAN_FAILURES
from podman_checkpoint_operator.criu.restore_failures import RESTORE_FAILURES

PAGE: Final = Path(__file__).parents[3] / "docs/reasons.md"

_TABLES: Final = {
    "Checkpoint": DUMP_FAILURES,
    "Restore": RESTORE_FAILURES,
    "Podman": PODMAN_FAILURES,
    "Always": EXHAUSTED + LAST_RESORT,
}
_IN_BRACKETS: Final = re.compile(r" \((\{\w+\})+\)")
_INTRO: Final = """\
# Conditions, reasons and causes

<!-- Written by `make docs` from operator/podman_checkpoint_operator/api/reasons.py and criu/. -->

Every kind reports by `status.conditions`. While an operation runs, the reason says what it is
doing. When it has failed, `Ready` is `False`, `Stalled` is `True`, and the reason of both is the
cause. `status.diagnosis` then holds the cause, the evidence (the line of CRIU's log, Podman's
message, or what was found) and the remedy for this very case. Resources are immutable: correct the
field in a new one.

    kubectl get cckpt,crst
    kubectl describe cckpt NAME
"""


def meanings(enum: type[StrEnum]) -> dict[str, str]:
    """Return the string below each member, by the member's name."""
    (definition,) = ast.parse(inspect.getsource(enum)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for member, text in zip(definition.body, definition.body[1:], strict=False):
        match member, text:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ):
                found[name] = " ".join(meaning.split())
    return found


def groups(enum: type[StrEnum]) -> dict[str, str]:
    """Return the heading above each member that begins a group, by the member's name."""
    found = re.findall(r"^    # (.+)\n    (\w+) =", inspect.getsource(enum), re.MULTILINE)
    return {name: heading for heading, name in found}


def remedies(cause: Cause) -> Iterator[str]:
    """Yield what the catalogue advises, with ``…`` for what it fills in from the line."""
    for table, entries in _TABLES.items():
        for entry in entries:
            if entry.cause is cause:
                text = entry.remedy
                for name, place in PLACES.items():
                    text = text.replace("{" + name + "}", place)
                yield f"*{table}*: " + re.sub(r"(\{\w+\})+", "…", _IN_BRACKETS.sub("", text))


def render() -> str:
    """Return the page."""
    parts = [_INTRO]
    for title, enum in (("Condition", ConditionType), ("Reason", Reason)):
        known = meanings(enum)
        rows = "\n".join(f"| `{member}` | {known[member.name]} |" for member in enum)
        parts.append(f"## {title}s\n\n| {title.lower()} | meaning |\n|---|---|\n{rows}\n")
    parts.append("## Causes\n")
    known, headings = meanings(Cause), groups(Cause)
    for cause in Cause:
        if cause.name in headings:
            parts.append(f"### {headings[cause.name]}\n")
        advice = "".join(f"\n{_bullet(remedy)}" for remedy in remedies(cause))
        parts.append(f"#### {cause}\n\n{_wrap(known[cause.name])}\n{advice and advice + chr(10)}")
    return "\n".join(parts)


def _wrap(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _bullet(text: str) -> str:
    lines = textwrap.wrap(text, 98, break_long_words=False, break_on_hyphens=False)
    return "- " + "\n  ".join(lines)


if __name__ == "__main__":
    PAGE.write_text(render())
