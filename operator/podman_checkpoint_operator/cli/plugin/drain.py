"""``drain`` and ``undrain``: a host's containers are saved before a reboot, and come back after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from ...api.host import DrainState
from ...api.names import HOSTS
from ...api.reasons import ConditionType, Reason
from . import completion, facts, screen
from .making import Seconds
from .options import Command, Option, Session, output, waiting
from .outcome import DONE, FAILED, INTERRUPTED, TIMED_OUT, Stop, error
from .references import full_name
from .screen import Column, cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.text import Text

    from .cluster import Cluster, Object

COLUMNS: Final = (
    Column("CONTAINER"),
    Column("STATE"),
    Column("RESOURCE", drop=1),
    Column("MESSAGE", wrap=True),
)
_STYLES: Final = {
    DrainState.SAFE: "green",
    DrainState.RESTORED: "green",
    DrainState.FAILED: "red",
    DrainState.RESTORE_FAILED: "red",
}
_AT_WORK: Final = (DrainState.PENDING, DrainState.CHECKPOINTING, DrainState.RESTORING)
_LOOKED_AGAIN_SECONDS: Final = 15.0
"""An agent looks at a drain that is under way every five seconds."""
_ENDS: Final = {
    True: {Reason.DRAINED: DONE, Reason.CANNOT_DRAIN: FAILED},
    False: {Reason.NOT_DRAINING: DONE, Reason.RESTORE_FAILED: FAILED},
}
"""The reasons of the condition at which a drain, or what follows it, ends, and exit statuses."""


def rows(found: Mapping[str, Any]) -> list[Sequence[Text]]:
    """Return the containers of a host's drain, for a table."""
    drain = facts.status(found).get("drain") or {}
    return [
        [
            cell(each["name"]),
            cell(each["state"], _STYLES.get(each["state"], "yellow")),
            cell(_resource(each)),
            cell(each.get("message") or each.get("reason") or ""),
        ]
        for each in drain.get("containers") or ()
    ]


def has_seen(found: Mapping[str, Any]) -> bool:
    """Whether the agent of a host tells of what it is asked for now, and not of before."""
    told = facts.condition(found, ConditionType.DRAINED)
    seen: int = told.get("observedGeneration", 0) if told else -1
    return bool(seen >= found["metadata"]["generation"])


def ended(found: Mapping[str, Any], *, drained: bool) -> int | None:
    """Return the exit status that a host stands for; None as long as something goes on.

    Args:
        found: the host.
        drained: whether it is to be drained, or to be in use again.
    """
    told = facts.condition(found, ConditionType.DRAINED)
    if told is None and not (drained or facts.status(found).get("drain")):
        return DONE  # it never was drained
    if told is None or not has_seen(found):
        return None
    drain = facts.status(found).get("drain") or {}
    states = [each["state"] for each in drain.get("containers") or ()]
    if any(each in _AT_WORK for each in states):
        return None
    return _ENDS[drained].get(told["reason"])


def _resource(container: Mapping[str, Any]) -> str:
    name = container.get("restore") or container.get("checkpoint")
    return f"{container.get('namespace', '')}/{name}" if name else "-"


def _change(ctx: click.Context, drained: bool, flags: Mapping[str, Any]) -> int:
    cluster = ctx.ensure_object(Session).cluster
    spec: dict[str, Any] = {"unschedulable": drained}
    how = {"policy": flags.get("policy"), "timeoutSeconds": flags.get("time_limit")}
    if given := {name: value for name, value in how.items() if value is not None}:
        spec["drain"] = given
    found = cluster.patch(HOSTS, flags["host"], {"spec": spec})
    if not flags["output"]:
        print(f"{full_name(found)} {'is to be drained' if drained else 'undrained'}", flush=True)
    status: int = DONE
    if flags["wait"]:
        states = _states(cluster, found, drained, flags["timeout"])
        found, status = _watched(states, found, drained)
    if flags["output"] == "name":
        print(full_name(found))
    elif flags["output"]:
        screen.show_objects(flags["output"], [found], single=True)
    return status


def _states(
    cluster: Cluster, host: Object, drained: bool, seconds: float
) -> Iterator[tuple[Object | None, bool]]:
    """Yield the states of a host, and whether each may be taken at its word.

    A failure that was told already when the host was asked may be one that somebody has just dealt
    with: the agent is given the time to look again.
    """
    name = host["metadata"]["name"]
    if ended(host, drained=drained) == FAILED:
        patience = min(seconds or _LOOKED_AGAIN_SECONDS, _LOOKED_AGAIN_SECONDS)
        for found in cluster.follow(HOSTS, name, seconds=patience):
            is_news = found is not None and _told(found) != _told(host)
            yield found, is_news
            if is_news:
                break
    for found in cluster.follow(HOSTS, name, seconds=seconds):
        yield found, True


def _told(found: Mapping[str, Any]) -> object:
    return facts.condition(found, ConditionType.DRAINED), facts.status(found).get("drain")


def _watched(
    states: Iterable[tuple[Object | None, bool]], host: Object, drained: bool
) -> tuple[Object, int]:
    from .drain_view import view  # noqa: PLC0415 - takes a while to load

    try:
        with view(
            screen.err(), f"{'Drain' if drained else 'Undrain'} {host['metadata']['name']}"
        ) as shown:
            for found, is_meant in states:
                shown.see(found)
                status = ended(found, drained=drained) if found and is_meant else None
                if found and status is not None:
                    return found, status
    except KeyboardInterrupt:
        raise _going_on(host, "interrupted", INTERRUPTED) from None
    raise _going_on(host, "timed out waiting", TIMED_OUT)


def _going_on(host: Object, what: str, status: int) -> Stop:
    name = host["metadata"]["name"]
    return error(
        f"{what}: {full_name(host)} goes on\n"
        f"See how: kubectl podman-checkpoint describe host/{name}",
        status,
    )


@click.pass_context
def _drain(ctx: click.Context, /, **flags: Any) -> int:
    return _change(ctx, True, flags)


@click.pass_context
def _undrain(ctx: click.Context, /, **flags: Any) -> int:
    return _change(ctx, False, flags)


def _host() -> click.Argument:
    return click.Argument(["host"], metavar="HOST", shell_complete=completion.hosts)


drain = Command(
    "drain",
    callback=_drain,
    params=[
        _host(),
        Option(
            "--policy",
            type=click.Choice(("Labelled", "All")),
            metavar="Labelled|All",
            help="Which running containers are saved; default: as the host has it, else Labelled.",
        ),
        Option(
            "--time-limit",
            type=Seconds(),
            metavar="DURATION",
            help="How long each checkpoint may take; default: as the host has it, else 10m.",
        ),
        *waiting("the host may be rebooted, or a container cannot be saved"),
        output("json", "yaml", "name"),
    ],
    examples="""
  kubectl podman-checkpoint drain host-a --wait && ssh host-a reboot
  kubectl podman-checkpoint undrain host-a --wait
""",
    short_help="Save a host's containers before a reboot",
    help="""\
Save the running containers of a host that have opted in by the Podman label
podman-checkpoint.dev/on-drain=checkpoint, so that it can be rebooted. They stop, and their states
stay on the host until undrain. A container that cannot be saved runs on and is named.
""",
)

undrain = Command(
    "undrain",
    callback=_undrain,
    params=[
        _host(),
        *waiting("its containers run again"),
        output("json", "yaml", "name"),
    ],
    examples="""
  kubectl podman-checkpoint undrain host-a --wait
""",
    short_help="Bring a host's containers back after a drain",
    help="Bring back the containers that a drain has saved, with or without a reboot between.",
)
