"""What ``create`` and ``restore`` share: from options to a resource, and to the end of its work."""

from __future__ import annotations

import re
import secrets
import shlex
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from ...api.names import API_VERSION, Resource
from . import facts, screen
from .options import Field, Option, dry_run, output, waiting
from .outcome import DONE, FAILED, error
from .references import full_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .cluster import Cluster, Object
    from .options import Session

RESOURCE: Final = "The new resource"
_ID: Final = re.compile("[0-9a-f]{12}|[0-9a-f]{64}")
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
"""Those of the API server's own generated names: they make no words."""
_LONGEST: Final = 200


class Words(click.ParamType[Any]):
    """A command with its arguments, quoted as for a shell, that runs in a container."""

    name = "command"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the part of the spec."""
        if not isinstance(value, str):
            return value
        try:
            words = shlex.split(value)
        except ValueError as wrong:
            raise error(f"cannot read the command {value!r}: {wrong}") from wrong
        return {"exec": {"command": words}}


class Seconds(click.ParamType[Any]):
    """A length of time as specs have it: whole seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the seconds."""
        from .units import seconds_of  # noqa: PLC0415

        return round(seconds_of(value)) if isinstance(value, str) else value


def container_ref(text: str) -> dict[str, str]:
    """Return a reference to a container by what ``podman ps`` shows: its name or its ID."""
    return {"id": text} if _ID.fullmatch(text) else {"name": text}


def put(spec: dict[str, Any], field: str, value: Any) -> None:
    """Set a field of a spec, by its path; an object is added to what is there."""
    *parents, last = field.split(".")
    for parent in parents:
        spec = spec.setdefault(parent, {})
    if isinstance(value, dict):
        spec.setdefault(last, {}).update(value)
    else:
        spec[last] = value


def fields(ctx: click.Context) -> dict[str, Any]:
    """Return what the options of the command line set in the spec."""
    spec: dict[str, Any] = {}
    for param in ctx.command.params:
        name = str(param.name)
        given = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if isinstance(param, Field) and given:
            value = ctx.params[name]
            value = list(value) if isinstance(value, tuple) else value
            put(spec, param.field, value if param.sets is None else param.sets)
    return spec


def common(noun: str) -> list[Option]:
    """Return the options of every command that makes a resource."""
    return [
        Option("--name", metavar="NAME", section=RESOURCE, help="Its name; default: made up."),
        Option(
            *("-l", "--label", "labels"),
            metavar="KEY=VALUE",
            multiple=True,
            section=RESOURCE,
            help="A label of it; may be repeated.",
        ),
        Field(
            "--time-limit",
            field="timeoutSeconds",
            type=Seconds(),
            metavar="DURATION",
            section=RESOURCE,
            help="How long the operation may take; default: 10m.",
        ),
        Field(
            "--suspend",
            field="suspend",
            is_flag=True,
            section=RESOURCE,
            help="Create it now, and let it begin when spec.suspend is set to false.",
        ),
        *waiting(f"the {noun} has ended"),
        dry_run(),
        output("json", "yaml", "name"),
    ]


def name_like(text: str, suffix: str) -> str:
    """Return a name for a resource that begins with what it is about."""
    stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST]
    return f"{stem or 'container'}-{suffix}"


def random_suffix() -> str:
    """Return five letters, as the API server does for generated names."""
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def manifest(
    resource: Resource,
    name: str,
    namespace: str,
    spec: Mapping[str, Any],
    labels: Mapping[str, str],
) -> Object:
    """Return the resource as it is sent."""
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": dict(spec),
    }


def labels_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the labels that were given.

    Raises:
        Stop: one has no value.
    """
    for each in pairs:
        if "=" not in each:
            raise error(f'invalid label "{each}": write KEY=VALUE')
    return dict(each.split("=", 1) for each in pairs)


def validated(resource: Resource, name: str, spec: Mapping[str, Any]) -> None:
    """Check a spec by the same rules as the API server, before it is asked.

    Raises:
        Stop: it breaks one.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - takes a while to load

    from ...api.checkpoint import CheckpointSpec  # noqa: PLC0415
    from ...api.names import CHECKPOINTS  # noqa: PLC0415
    from ...api.restore import RestoreSpec  # noqa: PLC0415
    from .refusals import invalid  # noqa: PLC0415

    model = CheckpointSpec if resource is CHECKPOINTS else RestoreSpec
    try:
        model.model_validate(spec)
    except ValidationError as wrong:
        causes = [
            f"{'.'.join(['spec', *map(str, each['loc'])])}: {_said(each)}"
            for each in wrong.errors()
        ]
        raise invalid(resource.kind, name, causes) from wrong


def carry_out(session: Session, resource: Resource, made: Object, flags: Mapping[str, Any]) -> int:
    """Create a resource, wait for it if that was asked for, print it, and return the status.

    Raises:
        Stop: it was refused, it failed, or the time is over.
    """
    if flags["wait"] and flags["suspend"]:
        raise error("--wait and --suspend exclude each other: it begins when it is resumed")
    if flags["wait"] and flags["dry_run"] != "none":
        raise error("--wait and --dry-run exclude each other: nothing will happen")
    validated(resource, made["metadata"]["name"], made["spec"])
    cluster = session.cluster
    if flags["dry_run"] != "client":
        made = cluster.create(resource, made, dry_run=flags["dry_run"] == "server")
    kind = flags["output"]
    if not kind:
        done = {"none": "", "client": " (dry run)", "server": " (server dry run)"}
        print(f"{full_name(made)} created{done[flags['dry_run']]}", flush=True)
    if flags["wait"]:
        made = _wait(cluster, resource, made, flags["timeout"])
    if kind == "name":
        print(full_name(made))
    elif kind:
        screen.show_objects(kind, [made], single=True)
    elif flags["dry_run"] == "none":
        _hint(made, waited=flags["wait"])
    return FAILED if facts.state(made).failed else DONE


def _wait(cluster: Cluster, resource: Resource, made: Object, seconds: float) -> Object:
    from .progress import watch  # noqa: PLC0415 - takes a while to load

    return watch(cluster, resource, made, seconds=seconds)


def _hint(made: Object, *, waited: bool) -> None:
    console = screen.err()
    failed = facts.state(made).failed
    if console.is_terminal and (failed or not waited):
        word = f"{facts.resource_of(made).short}/{made['metadata']['name']}"
        what = "More" if waited else "How it goes on"
        console.print(f"{what}: kubectl podman-checkpoint describe {word}", style="dim")


def _said(problem: Any) -> str:
    return str(problem["msg"]).removeprefix("Value error, ")
