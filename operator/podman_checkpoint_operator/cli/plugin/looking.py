"""``list`` and ``describe``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from ...api.names import CHECKPOINTS, HOSTS, RESTORES
from . import completion, screen
from .options import Command, Option, Session, output
from .outcome import DONE, error
from .references import find, full_name, type_of
from .screen import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.text import Text

_KINDS: Final = ("json", "yaml", "wide", "name")


def show_lists(
    lists: Sequence[tuple[Sequence[Column], Sequence[Sequence[Text]]]],
    objects: Sequence[Mapping[str, Any]],
    kind: str | None,
    *,
    nothing: str,
) -> int:
    """Print objects as ``-o`` says, and return the exit status.

    Args:
        lists: the columns and rows of tables.
        objects: what is in them.
        kind: what ``-o`` says.
        nothing: what to say where there is none.
    """
    if kind == "name":
        for each in objects:
            print(full_name(each))
    elif kind in ("json", "yaml"):
        screen.show_objects(kind, objects, single=False)
    elif not objects:
        print(nothing, file=sys.stderr)
    else:
        out = screen.out()
        if kind == "wide":
            # What was asked to be wide may go on beyond the terminal's edge, as kubectl's does.
            out.width = 100_000
        for index, (columns, rows) in enumerate(each for each in lists if each[1]):
            if index:
                print(flush=True)
            screen.show(out, screen.table(columns, rows, width=out.width))
    return DONE


@click.pass_context
def _list(ctx: click.Context, /, **flags: Any) -> int:
    from . import tables  # noqa: PLC0415

    cluster = ctx.ensure_object(Session).cluster
    kinds = (type_of(flags["type"]),) if flags["type"] else (CHECKPOINTS, RESTORES)
    if HOSTS in kinds:
        raise error("hosts are listed by: kubectl podman-checkpoint hosts")
    everywhere, wide = flags["all_namespaces"], flags["output"] == "wide"
    selectors = {
        "fields": f"spec.nodeName={flags['node']}" if flags["node"] else "",
        "labels": flags["selector"] or "",
    }
    lists, objects = [], []
    for resource in kinds:
        found = cluster.list(resource, everywhere=everywhere, **selectors)
        columns = tables.columns(resource, wide=wide, namespaces=everywhere)
        if len(kinds) > 1:
            columns[everywhere] = Column(resource.kind.removeprefix("Container").upper())
        lists.append(
            (columns, [tables.row(each, wide=wide, namespaces=everywhere) for each in found])
        )
        objects += found
    where = "" if everywhere else f" in {cluster.namespace} namespace"
    return show_lists(lists, objects, flags["output"], nothing=f"No resources found{where}.")


list_ = Command(
    "list",
    callback=_list,
    params=[
        click.Argument(
            ["type"],
            required=False,
            metavar="[checkpoints|restores]",
            shell_complete=completion.types,
        ),
        Option(*("-A", "--all-namespaces"), is_flag=True, help="Those of all namespaces."),
        Option(
            "--node", metavar="HOST", help="Only those of a host.", shell_complete=completion.hosts
        ),
        Option(*("-l", "--selector"), metavar="LABELS", help="Only those with these labels."),
        output(*_KINDS),
    ],
    examples="""
  kubectl podman-checkpoint list
  kubectl podman-checkpoint list checkpoints --node host-a -o wide
""",
    short_help="List checkpoints and restores",
    help="""\
List checkpoints and restores, the oldest first. Columns that the terminal has no room for are left
out; -o wide shows all and more.
""",
)


@click.pass_context
def _describe(ctx: click.Context, /, **flags: Any) -> int:
    from . import describe, host_page  # noqa: PLC0415

    cluster = ctx.ensure_object(Session).cluster
    out = screen.out()
    for index, reference in enumerate(flags["names"]):
        found = find(cluster, reference, hosts=True)
        of_host = found["kind"] == HOSTS.kind
        if index:
            print("\n", flush=True)
        page = host_page.page if of_host else describe.page
        for part in page(found, cluster.events(found), width=out.width):
            screen.show(out, part)
    return DONE


describe = Command(
    "describe",
    callback=_describe,
    params=[
        click.Argument(
            ["names"],
            metavar="[TYPE/]NAME...",
            nargs=-1,
            required=True,
            shell_complete=completion.everything,
        ),
    ],
    examples="""
  kubectl podman-checkpoint describe sql1-20261123-041233
  kubectl podman-checkpoint describe restore/sql1-again
  kubectl podman-checkpoint describe host/host-a
""",
    short_help="Show all about a checkpoint, a restore or a host",
    help="""\
Show all about checkpoints, restores or hosts: how they ended or are, why, what was checked and
measured, and what was reported. A name without a type is that of a checkpoint, else of a restore,
else of a host.
""",
)
