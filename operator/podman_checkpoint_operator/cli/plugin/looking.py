"""``list`` and ``describe``."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from ...api.names import CHECKPOINTS, RESTORES
from . import completion, screen
from .options import Command, Option, Session, output
from .outcome import DONE
from .references import find, full_name, type_of
from .screen import Column

_KINDS: Final = ("json", "yaml", "wide", "name")


@click.pass_context
def _list(ctx: click.Context, /, **flags: Any) -> int:
    from . import tables  # noqa: PLC0415

    cluster = ctx.ensure_object(Session).cluster
    kinds = (type_of(flags["type"]),) if flags["type"] else (CHECKPOINTS, RESTORES)
    everywhere = flags["all_namespaces"]
    selectors = {
        "fields": f"spec.nodeName={flags['node']}" if flags["node"] else "",
        "labels": flags["selector"] or "",
    }
    found = [(each, cluster.list(each, everywhere=everywhere, **selectors)) for each in kinds]
    objects = [each for _, group in found for each in group]
    if flags["output"] == "name":
        for each in objects:
            print(full_name(each))
    elif flags["output"] in ("json", "yaml"):
        screen.show_objects(flags["output"], objects, single=False)
    elif not objects:
        where = "" if everywhere else f" in {cluster.namespace} namespace"
        print(f"No resources found{where}.", file=sys.stderr)
    else:
        out, wide = screen.out(), flags["output"] == "wide"
        shown = [(each, group) for each, group in found if group]
        for index, (resource, group) in enumerate(shown):
            columns = tables.columns(resource, wide=wide, namespaces=everywhere)
            if len(kinds) > 1:
                columns[everywhere] = Column(resource.kind.removeprefix("Container").upper())
            rows = [tables.row(each, wide=wide, namespaces=everywhere) for each in group]
            if index:
                print(flush=True)
            # What was asked to be wide may go on beyond the terminal's edge, as kubectl's does.
            width = 100_000 if wide else out.width
            out.width = width
            screen.show(out, screen.table(columns, rows, width=width))
    return DONE


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
    from .describe import page  # noqa: PLC0415

    cluster = ctx.ensure_object(Session).cluster
    out = screen.out()
    for index, reference in enumerate(flags["names"]):
        found = find(cluster, reference)
        if index:
            print("\n", flush=True)
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
            shell_complete=completion.operations,
        ),
    ],
    examples="""
  kubectl podman-checkpoint describe sql1-20261123-041233
  kubectl podman-checkpoint describe restore/sql1-again
""",
    short_help="Show all about a checkpoint or restore",
    help="""\
Show all about checkpoints or restores: how they ended, why, what was checked and measured, and what
was reported. A name without a type is that of a checkpoint, or else of a restore.
""",
)
