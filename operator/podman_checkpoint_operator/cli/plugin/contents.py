"""What a checkpoint holds, as its status tells it: the shape is that of ``inspect FILE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...api.names import CHECKPOINTS
from ...decisions.preflight import size
from . import facts
from .summary import field, statistics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

_LABEL: Final = 11
_LOCAL: Final = "none: the state is on its host only"


def lines(found: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what is known of a checkpoint's content, or of a restored container."""
    status, node = facts.status(found), found["spec"]["nodeName"]
    container = status.get("container") or {}
    archive = status.get("archive")
    is_checkpoint = found["kind"] == CHECKPOINTS.kind
    if archive:
        yield _line("Archive", f"{size(archive['sizeBytes'])}, {archive['compression']}")
        yield _line("", archive["uri"])
        yield _line("", archive["digest"])
    elif is_checkpoint:
        ready = facts.state(found).word == "Ready"
        yield _line("Archive", _LOCAL if ready else f"none: {facts.state(found).text}")
    yield _line("Container", facts.container(found) or "-")
    yield _line("", container.get("id") or "-")
    yield _line("Image", container.get("image") or "-")
    yield _line("", container.get("imageID") or "-")
    yield _line("Runtime", container.get("runtime") or "-")
    if is_checkpoint:
        metadata = found["metadata"]
        name = f"{found['kind']} {metadata['namespace']}/{metadata['name']}"
        yield _line("Taken", f"{status.get('completionTime') or 'not yet'} on {node}, {name}")
        known = status.get("host") or {}
        versions = (("Podman", "podman"), ("CRIU", "criu"), ("Linux", "kernel"))
        software = [f"{a} {known[f'{b}Version']}" for a, b in versions if known.get(f"{b}Version")]
        yield _line("Software", ", ".join(software) or "-")
    else:
        yield _line("Restored", f"{status.get('completionTime') or 'not yet'} on {node}")
        yield _line("From", facts.source(found))
    if told := statistics(status):
        yield _line("Statistics", told)
    for each in status.get("volumes") or ():
        what = "" if each["included"] else f", not included: {each.get('reason') or 'on the host'}"
        where = f"{each.get('source') or '-'} at {each['destination']}"
        yield _line("Mount", f"{each['type']} {where}{what}")
    if archive:
        yield _line("More", f"on {node}: podman-checkpoint-agent inspect, with the archive's path")


def _line(name: str, value: str) -> RenderableType:
    return field(name, value.strip(), width=_LABEL, indent=0)
