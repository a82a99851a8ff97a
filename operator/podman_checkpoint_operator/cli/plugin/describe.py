"""``describe``: everything about one operation, on a page that reads from top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from ...api.names import CHECKPOINTS
from ...decisions.preflight import size
from . import facts, screen, sections
from .summary import diagnosis, field, statistics
from .units import age, between, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

_LABEL: Final = 12
_DEFAULTS: Final[tuple[Any, ...]] = (
    False,
    "",
    [],
    None,
    {"policy": "Auto"},
    "Retain",
    "Fail",
    "Create",
    "Exclude",
    600,
)
_SHOWN_ELSEWHERE: Final = ("nodeName", "containerRef", "source")


def page(
    found: Mapping[str, Any], events: Sequence[Mapping[str, Any]], *, width: int
) -> Iterator[RenderableType]:
    """Yield the lines of the page."""
    yield from _head(found)
    if facts.state(found).failed or facts.status(found).get("diagnosis"):
        yield Text("Diagnosis:", style="bold")
        yield from diagnosis(found)
    status = facts.status(found)
    shown = [each for each in (sections.mounts(status), sections.hooks(status)) if each.rows]
    always = (sections.conditions(status), sections.preflight(status))
    for each in (*shown, *always, sections.events(found, events)):
        yield from each.lines(width, _LABEL)


def _line(name: str, value: object, style: str = "") -> RenderableType:
    return field(name, value, style=style, width=_LABEL, indent=0)


def _head(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    metadata, status, state = found["metadata"], facts.status(found), facts.shown(found)
    yield _line("Name", metadata["name"])
    yield _line("Namespace", metadata["namespace"])
    yield _line("Kind", found["kind"])
    if labels := metadata.get("labels"):
        yield _line("Labels", ", ".join(f"{k}={v}" for k, v in labels.items()))
    said = Text.assemble((state.text, state.style))
    if not (state.failed or status.get("archive")):
        said.append(f", {screen.cell(state.message).plain}")
    yield _line("Status", said)
    yield _line("Created", _when(metadata["creationTimestamp"], status))
    yield _line("Container", _container(found))
    yield _line("Host", _host(found))
    if found["kind"] != CHECKPOINTS.kind:
        yield _line("From", facts.source(found))
    yield _line("Options", _options(found["spec"]) or "none")
    if archive := status.get("archive"):
        yield _line("Archive", f"{size(archive['sizeBytes'])}, {archive['compression']}")
        yield _line("", archive["uri"])
        yield _line("", archive["digest"])
    if told := statistics(status):
        yield _line("Measured", told)
    if ghost := _ghost(status.get("ghostLimit") or {}):
        yield _line("Ghost limit", ghost)
    if verified := status.get("verification"):
        yield _line("Verified", f"exit code {verified.get('exitCode', 'none, killed')}")
        for each in str(verified.get("output") or "").splitlines():
            yield _line("", each)


def _when(created: str, status: Mapping[str, Any]) -> str:
    took = between(created, status.get("completionTime"))
    return f"{created}, {age(created)} ago" + (
        "" if took is None else f"; done after {lasting(took) if took else 'less than 1 s'}"
    )


def _container(found: Mapping[str, Any]) -> str:
    known = facts.status(found).get("container") or {}
    parts = (
        f"{facts.container(found) or '-'} {str(known.get('id') or '')[:12]}".strip(),
        known.get("image"),
        known.get("runtime"),
    )
    return ", ".join(filter(None, parts))


def _host(found: Mapping[str, Any]) -> str:
    known = facts.status(found).get("host") or {}
    named = (
        ("Podman", "podmanVersion"),
        ("CRIU", "criuVersion"),
        ("Linux", "kernelVersion"),
    )
    software = [f"{name} {known[key]}" for name, key in named if known.get(key)]
    return ", ".join(
        filter(None, (found["spec"]["nodeName"], *software, known.get("architecture")))
    )


def _options(spec: Mapping[str, Any]) -> str:
    """Return what the spec sets, in its own words."""
    return ", ".join(_set({k: v for k, v in spec.items() if k not in _SHOWN_ELSEWHERE}))


def _set(part: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in part.items():
        path = f"{above}{name}"
        if value in _DEFAULTS:
            continue
        if value is True:
            yield path
        elif isinstance(value, dict) and "exec" in value:
            yield f"{path}: {' '.join(value['exec']['command'])}"
        elif isinstance(value, dict):
            yield from _set(value, f"{path}.")
        elif isinstance(value, list):
            yield f"{path}: {' '.join(map(str, value))}"
        else:
            yield f"{path}: {value}"


def _ghost(report: Mapping[str, Any]) -> str:
    if "limitBytes" not in report:
        return ""
    predicted = report.get("predictedBytes")
    parts = [size(report["limitBytes"])]
    if predicted:
        parts.append(f"the largest deleted open file has {size(predicted)}")
    if report.get("attempts"):
        parts.append(f"{len(report['attempts'])} attempts before")
    if report.get("configFile"):
        parts.append(f"set in {report['configFile']}")
    return ", ".join(parts)
