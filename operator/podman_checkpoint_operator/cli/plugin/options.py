"""Options and commands as kubectl's users expect them: where to look, how to print, their help."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from .units import seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cluster import Cluster

WHERE: Final = "Cluster"
GENERAL: Final = "Options"


@dataclass
class Session:
    """What the options say about the cluster to talk to."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    @cached_property
    def cluster(self) -> Cluster:
        """The cluster; the libraries that speak to it take half a second to load."""
        from .cluster import Cluster  # noqa: PLC0415

        return Cluster(self.kubeconfig, self.context, self.namespace)


class Option(click.Option):
    """An option that knows under which heading of the help it stands."""

    def __init__(self, *names: str, section: str = GENERAL, **settings: Any) -> None:
        super().__init__(names, **settings)
        self.section = section


class Field(Option):
    """An option that sets a field of the spec."""

    def __init__(self, *names: str, field: str, sets: Any = None, **settings: Any) -> None:
        if sets is not None:
            settings["is_flag"] = True
        super().__init__(*names, **settings)
        self.field = field
        """The path of the field, with dots."""
        self.sets = sets
        """What a flag sets it to."""


class Duration(click.ParamType[Any]):
    """A length of time, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the seconds."""
        return value if isinstance(value, (int, float)) else seconds_of(value)


class Command(click.Command):
    """A command that can be told where to look, with examples and headings in its help."""

    def __init__(self, *args: Any, examples: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples.strip("\n")
        self.params = [*self.params, *where()]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write(f"{self.examples}\n")
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                name = param.section if isinstance(param, Option) else GENERAL
                sections.setdefault(name, []).append(record)
        for name in sorted(
            sections,
            key=lambda each: (GENERAL, WHERE).index(each) + 1 if each in (GENERAL, WHERE) else 0,
        ):
            with formatter.section(name):
                formatter.write_dl(sections[name], col_max=28)


class Group(click.Group):
    """The commands, in the order in which they are used."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names as they were added."""
        return list(self.commands)


def where() -> list[click.Parameter]:
    """Return the options that say which cluster and namespace; each command needs its own."""
    return [
        Option(
            *("-n", "--namespace"),
            **_kept("Namespace to work in; default: that of the context.", "NAME"),
        ),
        Option(
            "--context", **_kept("Context of the kubeconfig; default: the current one.", "NAME")
        ),
        Option(
            "--kubeconfig",
            **_kept("Default: $KUBECONFIG, then ~/.kube/config.", "FILE"),
            type=click.Path(dir_okay=False),
        ),
    ]


def output(*kinds: str, default: str = "") -> Option:
    """Return the option that chooses how to print."""
    return Option(
        *("-o", "--output"),
        type=click.Choice(kinds),
        metavar="|".join(kinds),
        default=default or None,
        help="Print this instead of text.",
        show_default=False,
    )


def dry_run() -> Option:
    """Return ``--dry-run`` as kubectl has it."""
    return Option(
        "--dry-run",
        type=click.Choice(("none", "client", "server")),
        default="none",
        metavar="client|server",
        help="Create nothing; client: only print what would be sent; server: have it checked.",
    )


def waiting(what: str) -> Sequence[Option]:
    """Return ``--wait`` and its time limit."""
    return (
        Option("--wait", is_flag=True, help=f"Wait until {what}, and show how it goes on."),
        Option(
            "--timeout",
            type=Duration(),
            default="0",
            metavar="DURATION",
            help="How long to wait, such as 90s or 10m; default: as long as it takes.",
        ),
    )


def _kept(text: str, metavar: str) -> dict[str, Any]:
    return {
        "callback": _keep,
        "expose_value": False,
        "help": text,
        "metavar": metavar,
        "section": WHERE,
    }


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    # What stands after the command's name wins over what stands before it.
    if value is not None:
        setattr(ctx.ensure_object(Session), str(param.name), value)
