"""Shell completion: kubectl asks ``kubectl_complete-podman_checkpoint``, and the cluster has names.

kubectl's protocol is that of cobra: the words so far as arguments, the last of them unfinished; one
candidate a line, with a tab before its description; and a last line that says what else may be.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem, ShellComplete

from ...api.names import CHECKPOINTS, HOSTS, RESTORES
from . import facts
from .options import Session
from .outcome import Stop
from .references import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import click

    from ...api.names import Resource
    from .cluster import Object

_FILES: Final = ":0"
_NO_FILES: Final = ":4"


def main(argv: Sequence[str] | None = None) -> int:
    """Print what may come next on a command line of kubectl's."""
    from .program import PROGRAM, plugin  # noqa: PLC0415 - it has the commands, and they have us

    *words, unfinished = (sys.argv[1:] if argv is None else argv) or [""]
    # Whatever goes wrong here must not get into the line that the user is typing.
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        shell = ShellComplete(plugin, {"obj": Session()}, PROGRAM, "")
        try:
            found = shell.get_completions(words, unfinished)
        except Exception:  # noqa: BLE001
            found = []
    for each in found:
        if each.type == "plain":
            print(f"{each.value}\t{each.help}" if each.help else each.value)
    print(_FILES if any(each.type != "plain" for each in found) else _NO_FILES)
    return 0


def checkpoints(
    ctx: click.Context, param: click.Parameter, unfinished: str
) -> list[CompletionItem]:
    """Return the checkpoints of the namespace."""
    return _named(ctx, (CHECKPOINTS,), unfinished)


def operations(ctx: click.Context, param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the checkpoints and restores of the namespace."""
    return _named(ctx, (CHECKPOINTS, RESTORES), unfinished)


def operations_and_files(
    ctx: click.Context, param: click.Parameter, unfinished: str
) -> list[CompletionItem]:
    """Return the same, and let the shell add files."""
    return [*operations(ctx, param, unfinished), CompletionItem(unfinished, type="file")]


def types(ctx: click.Context, param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the types that ``list`` knows, by their short names."""
    return _items((each, "") for each in ("checkpoints", "restores") if each.startswith(unfinished))


def everything(ctx: click.Context, param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the checkpoints and restores of the namespace, and the hosts."""
    return _named(ctx, (CHECKPOINTS, RESTORES, HOSTS), unfinished)


def hosts(ctx: click.Context, param: click.Parameter, unfinished: str) -> list[CompletionItem]:
    """Return the hosts that have registered, and others that the namespace's resources name."""
    found = {
        str(each["spec"]["nodeName"]): ""
        for resource in (CHECKPOINTS, RESTORES)
        for each in _listed(ctx, resource)
    }
    found |= {each["metadata"]["name"]: _about(each) for each in _listed(ctx, HOSTS)}
    return _items(each for each in sorted(found.items()) if each[0].startswith(unfinished))


def _named(
    ctx: click.Context, resources: Iterable[Resource], unfinished: str
) -> list[CompletionItem]:
    word, slash, _ = unfinished.rpartition("/")
    found = []
    for resource in resources:
        if slash and TYPES.get(word.lower()) is not resource:
            continue
        for each in _listed(ctx, resource):
            name = f"{word}{slash}{each['metadata']['name']}"
            if name.startswith(unfinished):
                found.append((name, _about(each)))
    return _items(found)


def _about(found: Object) -> str:
    of = "" if found["kind"] == HOSTS.kind else f" of {facts.about(found)}"
    return f"{found['kind']}{of}, {facts.state(found).text}"


def _items(found: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    return [CompletionItem(name, help=about or None) for name, about in found]


def _listed(ctx: click.Context, resource: Resource) -> list[Object]:
    try:
        return list(ctx.ensure_object(Session).cluster.list(resource))
    except Stop:
        return []


if __name__ == "__main__":
    sys.exit(main())
