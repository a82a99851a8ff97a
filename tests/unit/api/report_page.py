"""Writes ``docs/inspect.md`` from the report's models: ``make docs``."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from podman_checkpoint_operator.api.archive_report import ArchiveReport

PAGE: Final = Path(__file__).parents[3] / "docs/inspect.md"

_INTRO: Final = """\
# What `inspect -o json` prints

<!-- Written by `make docs` from operator/podman_checkpoint_operator/api/archive_report.py. -->

`podman-checkpoint-agent inspect ARCHIVE` tells what is in a checkpoint archive of this operator's
or of Podman's own, without unpacking it. The names below stay as they are; fields may be added.
What an archive does not tell is left out. Values of environment variables, arguments of commands
and memory are never shown.

The exit status is 0 if the archive is whole, 1 if it is damaged, cut off or no checkpoint archive,
and 2 if it cannot be read. With damage inside, `incomplete` says what the report could not tell.
"""


def models(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the path in the document and the model of each object, outer ones first."""
    yield "", model
    for name, part, many in _parts(model):
        for path, inner in models(part):
            yield f"{name}{'[]' if many else ''}{'.' if path else ''}{path}", inner


def render() -> str:
    """Return the page."""
    parts = [_INTRO]
    for path, model in models(ArchiveReport):
        parts.append(f"## {f'`{path}`' if path else 'The document'}\n\n{model.__doc__}\n")
        rows = [
            f"| `{field.alias}` | {_type(field.annotation)} | {_line(field.description)} |"
            for field in model.model_fields.values()
        ]
        parts.append("| field | type | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _parts(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel], bool]]:
    for field in model.model_fields.values():
        inner, many = _inner(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield field.alias or "", inner, many


def _inner(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) is types.UnionType:
        annotation = next(each for each in get_args(annotation) if each is not types.NoneType)
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0], True
    return annotation, False


def _type(annotation: Any) -> str:
    inner, many = _inner(annotation)
    names = {int: "integer", bool: "boolean"}
    name = "object" if issubclass(inner, BaseModel) else names.get(inner, "string")
    return f"list of {name}s" if many else name


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    PAGE.write_text(render())
