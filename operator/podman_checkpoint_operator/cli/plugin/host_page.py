"""``describe host/NAME``: all that a host's agent has reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from ...decisions.preflight import size
from . import facts, screen, sections
from .screen import Column, cell
from .sections import Section
from .summary import field
from .units import age

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

_LABEL: Final = 13


def page(
    found: Mapping[str, Any], events: Sequence[Mapping[str, Any]], *, width: int
) -> Iterator[RenderableType]:
    """Yield the lines of the page."""
    metadata, status, state = found["metadata"], facts.status(found), facts.state(found)
    yield _line("Name", metadata["name"])
    if labels := metadata.get("labels"):
        yield _line("Labels", ", ".join(f"{k}={v}" for k, v in labels.items()))
    message = screen.cell(f", {state.message}" if state.message else "")
    yield _line("Status", Text.assemble((state.text, state.style), message))
    created = metadata["creationTimestamp"]
    yield _line("Registered", f"{created}, {age(created)} ago")
    runtime = status.get("runtime") or {}
    for name, value in (
        ("Agent", status.get("agentVersion")),
        ("Podman", status.get("podmanVersion")),
        ("CRIU", status.get("criuVersion")),
        ("Runtime", f"{runtime.get('name', '')} {runtime.get('version', '')}".strip()),
        ("Kernel", status.get("kernelVersion")),
        ("OS", status.get("operatingSystem")),
        ("Architecture", status.get("architecture")),
        ("Storage", status.get("storageDriver")),
        ("Boot", status.get("bootID")),
        ("Running", _running(status)),
        *_capabilities(status.get("capabilities") or {}),
    ):
        yield _line(name, value or "-")
    for each in (_stores(status), sections.conditions(status), sections.events(found, events)):
        yield from each.lines(width, _LABEL)


def _stores(status: Mapping[str, Any]) -> Section:
    columns = (Column("NAME"), Column("FREE"), Column("OF"), Column("PATH", wrap=True))
    rows = [
        [
            cell(each["name"]),
            cell(size(each["availableBytes"])),
            cell(size(each["capacityBytes"])),
            cell(each["path"]),
        ]
        for each in status.get("stores") or ()
    ]
    return Section("Stores", columns, rows)


def _line(name: str, value: object) -> RenderableType:
    return field(name, value, width=_LABEL, indent=0)


def _running(status: Mapping[str, Any]) -> str:
    containers = status.get("containers") or {}
    return f"{containers['running']} containers" if "running" in containers else ""


def _capabilities(known: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    for title, name in (("Pre-copy", "preCopy"), ("TCP close", "tcpClose")):
        yield title, None if name not in known else "yes" if known[name] else "no"
    yield "Ghost limit", f"set in {known['criuConfigFile']}" if known else None
