"""``inspect`` and ``diagnose``: of a resource by its status, of a file by what is in it.

An archive lies on its host, where this command does not reach; the status has its essentials.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ...api.names import CHECKPOINTS
from ...api.reasons import Cause
from ..output import CannotRead
from . import completion, facts, screen
from .options import Command, Session, output
from .outcome import DONE, ERROR, FAILED, Stop
from .references import TYPES, find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TEXT: Final = "text"


def is_file(word: str) -> bool:
    """Whether a word means a file rather than a resource: it is there, or can be no name."""
    kind, slash, _ = word.rpartition("/")
    if word == "-" or (slash and kind.lower().partition(".")[0] not in TYPES):
        return True
    return not slash and Path(word).is_file()


def _of_file(call: Callable[[str, str], int], word: str, kind: str | None) -> int:
    try:
        # The agent's command has statuses of its own; ours mean the same in every command.
        return FAILED if call(word, kind or _TEXT) else DONE
    except CannotRead as wrong:
        status = FAILED if wrong.status == 1 else ERROR
        raise Stop(f"error: {wrong}", status) from wrong


@click.pass_context
def _inspect(ctx: click.Context, name: str, output: str | None) -> int:
    if is_file(name):
        from .. import inspect as file  # noqa: PLC0415 - archives need much that others do not

        return _of_file(file.inspect, name, output)
    found = find(ctx.ensure_object(Session).cluster, name)
    if output:
        screen.show_json(facts.status(found))
        return DONE
    from .contents import lines  # noqa: PLC0415

    out = screen.out()
    for each in lines(found):
        screen.show(out, each)
    return DONE


@click.pass_context
def _diagnose(ctx: click.Context, name: str, output: str | None) -> int:
    if is_file(name):
        from .. import diagnose as file  # noqa: PLC0415

        return _of_file(file.diagnose, name, output)
    found = find(ctx.ensure_object(Session).cluster, name)
    told = _explained(found)
    if output:
        screen.show_json(told)
    else:
        from .summary import diagnosis, field  # noqa: PLC0415

        out = screen.out()
        state = facts.state(found)
        print(
            f"{facts.resource_of(found).short}/{found['metadata']['name']}: {_gist(found)}",
            flush=True,
        )
        parts = [*diagnosis(found)] if told["cause"] else [field("Message", state.message)]
        for part in parts:
            screen.show(out, part)
        for check in _suspicious(found):
            screen.show(out, field(check["result"], f"{check['check']}: {check['message']}"))
    return FAILED if told["cause"] == Cause.UNKNOWN else DONE


def _explained(found: Mapping[str, Any]) -> dict[str, Any]:
    state, status = facts.state(found), facts.status(found)
    given = status.get("diagnosis") or {}
    return {
        "kind": found["kind"],
        "name": found["metadata"]["name"],
        "state": state.word,
        "succeeded": state.word == "Ready",
        "cause": given.get("cause") or state.cause or None,
        "evidence": given.get("evidence"),
        "remedy": given.get("remedy"),
        "message": state.message,
        "preflight": _suspicious(found),
    }


def _suspicious(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    checks = facts.status(found).get("preflight") or ()
    return [dict(each) for each in checks if each["result"] != "Pass"]


def _gist(found: Mapping[str, Any]) -> str:
    state = facts.state(found)
    noun = "checkpoint" if found["kind"] == CHECKPOINTS.kind else "restore"
    about = f"the {noun} of {facts.about(found)}"
    about += f" on {found['spec']['nodeName']}"
    if state.failed:
        return f"{about} has failed"
    return f"{about} has not failed" if state.ended else f"{about} has not ended ({state.word})"


_REFERENCE: Final = "[TYPE/]NAME|FILE"

inspect = Command(
    "inspect",
    callback=_inspect,
    params=[
        click.Argument(
            ["name"], metavar=_REFERENCE, shell_complete=completion.operations_and_files
        ),
        output("json"),
    ],
    examples="""
  kubectl podman-checkpoint inspect sql1-20261123-041233
  kubectl podman-checkpoint inspect ./sql1.tar.zst
""",
    short_help="Tell what is in a checkpoint or an archive",
    help="""\
Tell what a checkpoint holds, as its status has it; or what is in an archive FILE, ours or Podman's
own: container, processes, open files, sockets, mounts and sizes. Nothing is unpacked; values of
variables, arguments and memory are not shown. - reads the input.
""",
)

diagnose = Command(
    "diagnose",
    callback=_diagnose,
    params=[
        click.Argument(
            ["name"], metavar=_REFERENCE, shell_complete=completion.operations_and_files
        ),
        output("json"),
    ],
    examples="""
  kubectl podman-checkpoint diagnose sql1-20261123-041233
  kubectl podman-checkpoint diagnose ./dump.log
""",
    short_help="Explain a failure",
    help="""\
Explain why a checkpoint or restore failed: cause, evidence and remedy. Or explain a log of CRIU's,
dump.log or restore.log, from any host: FILE, or - for the input.
""",
)
