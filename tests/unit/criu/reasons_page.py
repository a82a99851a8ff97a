"""Writes ``docs/reasons.md`` from the vocabulary and the catalogue: ``make docs``.

The meaning of a member is the string below it in ``api/``, the groups of causes are the
comments there, and the remedies are those of the catalogue's entries.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason
from podman_checkpoint_operator.criu.catalogue import CATALOGUE
from podman_checkpoint_operator.criu.entry import PLACES, Entry

PAGE: Final = Path(__file__).parents[3] / "docs/reasons.md"

E2E: Final = Path(__file__).parents[2] / "e2e"

_TITLES: Final = {
    "dump": "Checkpoint",
    "restore": "Restore",
    "Podman": "Podman",
    "any": "Always",
}
_CATALOGUE: Final = """\
## The catalogue of failures

What is recognised in CRIU's logs and in messages of Podman and the runtimes, row by row: one is
added by a row in `criu/*_failures.py` and a test. *Seen live* names the tests that make CRIU,
Podman and the runtime fail so on the lab; where there is none, the text is from their sources.
"""
_IN_BRACKETS: Final = re.compile(r" \((\{\w+\})+\)")
_INTRO: Final = """\
# Conditions, reasons and causes

<!-- Written by `make docs` from operator/podman_checkpoint_operator/, from api/ and criu/. -->

Every kind reports by `status.conditions`. While an operation runs, the reason says what it is
doing. When it has failed, `Ready` is `False`, `Stalled` is `True`, and the reason of both is the
cause. `status.diagnosis` then holds the cause, the evidence (the line of CRIU's log, Podman's
message, or what was found) and the remedy for this very case. Resources are immutable: correct the
field in a new one. Of a resource that a drain has made, the remedy says where the drain has the
field from; see [drain.md](drain.md#when-one-cannot-be-saved).

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
    for where, entries in CATALOGUE.items():
        for entry in entries:
            if entry.cause is cause:
                text = entry.remedy
                for name, place in PLACES.items():
                    text = text.replace("{" + name + "}", place)
                text = re.sub(r"(\{\w+\})+", "…", _IN_BRACKETS.sub("", text))
                yield f"*{_TITLES[where]}*: {text}"


def reproduced() -> dict[str, list[str]]:
    """Return the end-to-end tests that are marked to reproduce each row, by the row's name."""
    found: dict[str, list[str]] = {}
    for file in sorted(E2E.glob("test_*.py")):
        module = importlib.import_module(f"tests.e2e.{file.stem}")
        for name, test in vars(module).items():
            if not name.startswith("test_"):
                continue
            for marker in getattr(test, "pytestmark", ()):
                if marker.name == "reproduces":
                    found.setdefault(marker.args[0], []).append(f"{file.name}::{name}")
    return found


def _table() -> Iterator[str]:
    live = reproduced()
    yield "| row | in | text | cause | try again | seen live |\n|---|---|---|---|---|---|"
    for where, entries in CATALOGUE.items():
        for entry in entries:
            again = "may help" if entry.transient else "no"
            tests = "<br>".join(f"`{test}`" for test in live.get(entry.name, ())) or "no"
            texts = "<br>".join(_texts(entry))
            yield f"| {entry.name} | {where} | {texts} | `{entry.cause}` | {again} | {tests} |"


def _texts(entry: Entry) -> Iterator[str]:
    """Yield the alternatives of a pattern, in a form that people read."""
    depth, text = 0, ""
    for each in re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), entry.pattern):
        depth += {"(": 1, ")": -1}.get(each, 0)
        if each == "|" and not depth:
            yield _readable(text)
            text = ""
        else:
            text += each
    yield _readable(text)


_ESCAPES: Final = {"d": "\0", "S": "\0", "w": "\0", "b": "", "(": "\1", ")": "\2", ".": "\3"}


def _readable(text: str) -> str:
    text = re.sub(r"\(\?P<\w+>[^()]*\)|\(\?![^()]*\)|\[\^[^]]*\][+*]", "…", text)
    text = re.sub(r"\0[+*?]?\??|\.[+*]\??", "…", text).replace("(?i:", "(?:")
    text = re.sub(r"\?P<\w+>", "", text)
    text = re.sub("…+", "…", text).replace("|", "\\|")
    for mark, plain in (("\1", "("), ("\2", ")"), ("\3", ".")):
        text = text.replace(mark, plain)
    return f"`{text.replace('(?:', '(')}`"


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
    parts += [_CATALOGUE, *_table(), ""]
    return "\n".join(parts)


def _wrap(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def _bullet(text: str) -> str:
    lines = textwrap.wrap(text, 98, break_long_words=False, break_on_hyphens=False)
    return "- " + "\n  ".join(lines)


if __name__ == "__main__":
    PAGE.write_text(render())
