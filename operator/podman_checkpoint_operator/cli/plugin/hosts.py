"""``hosts``: the Podman hosts that have registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ...api.names import HOSTS
from ...api.reasons import ConditionType, Reason
from ...decisions.preflight import size
from . import facts
from .looking import show_lists
from .options import Command, Option, Session, output
from .screen import Column, cell
from .units import age

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

_COLUMNS: Final = (
    Column("NAME"),
    Column("STATUS"),
    Column("RUNNING", drop=1),
    Column("PODMAN", drop=3),
    Column("CRIU", drop=4),
    Column("RUNTIME", drop=6),
    Column("KERNEL", drop=7),
    Column("FREE", drop=5),
    Column("AGE", drop=2),
)
_WIDE: Final = (
    Column("OS"),
    Column("ARCH"),
    Column("AGENT"),
    Column("STORAGE"),
    Column("STORE"),
    Column("MESSAGE"),
)


def columns(*, wide: bool) -> list[Column]:
    """Return the columns of the table; ``wide`` ones are never left out."""
    return [Column(each.title) for each in (*_COLUMNS, *_WIDE)] if wide else list(_COLUMNS)


def row(found: Mapping[str, Any], *, wide: bool) -> list[Text]:
    """Return the cells of a host, for the same columns."""
    status, now = facts.status(found), facts.state(found)
    stores = status.get("stores") or ()
    runtime = status.get("runtime") or {}
    texts: list[object] = [
        (status.get("containers") or {}).get("running"),
        status.get("podmanVersion"),
        status.get("criuVersion"),
        f"{runtime.get('name', '')} {runtime.get('version', '')}".strip(),
        status.get("kernelVersion"),
        ", ".join(size(each["availableBytes"]) for each in stores),
        age(found["metadata"]["creationTimestamp"]),
    ]
    if wide:
        texts += [
            status.get("operatingSystem"),
            status.get("architecture"),
            status.get("agentVersion"),
            status.get("storageDriver"),
            ", ".join(each["path"] for each in stores),
            now.message,
        ]
    first = [cell(found["metadata"]["name"]), cell(f"{now.text}{_drain(found)}", now.style)]
    return [*first, *(cell("-" if each in (None, "") else each) for each in texts)]


def _drain(found: Mapping[str, Any]) -> str:
    """Return how far a drain is, as ``kubectl get nodes`` shows a node that is cordoned."""
    told = facts.condition(found, ConditionType.DRAINED)
    return f",{told['reason']}" if told and told["reason"] != Reason.NOT_DRAINING else ""


@click.pass_context
def _hosts(ctx: click.Context, /, **flags: Any) -> int:
    found = ctx.ensure_object(Session).cluster.list(HOSTS, labels=flags["selector"] or "")
    found.sort(key=lambda each: str(each["metadata"]["name"]))
    wide = flags["output"] == "wide"
    rows = [row(each, wide=wide) for each in found]
    return show_lists(
        [(columns(wide=wide), rows)],
        found,
        flags["output"],
        nothing="No hosts have registered: is an agent running on one?",
    )


hosts = Command(
    "hosts",
    callback=_hosts,
    params=[
        Option(*("-l", "--selector"), metavar="LABELS", help="Only those with these labels."),
        output("json", "yaml", "wide", "name"),
    ],
    examples="""
  kubectl podman-checkpoint hosts
  kubectl podman-checkpoint describe host/host-a
""",
    short_help="List the Podman hosts",
    help="""\
List the Podman hosts that have registered: whether they are ready, their running containers,
versions, and the room that is left for archives. Unknown is a host whose agent is silent.
""",
)
