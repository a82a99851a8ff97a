"""``restore``: a container from a checkpoint, an archive, or the state left on its host."""

from __future__ import annotations

from typing import Any, Final

import click

from ...api.names import CHECKPOINTS, RESTORES
from .completion import checkpoints, hosts
from .making import (
    Seconds,
    Words,
    carry_out,
    common,
    container_ref,
    fields,
    labels_of,
    manifest,
    name_like,
    put,
    random_suffix,
)
from .options import Command, Field, Option, Session
from .outcome import error

_FROM: Final = "From where"
_HOW: Final = "How"
_SOURCES: Final = ("checkpoint", "archive", "container")

EXAMPLES: Final = """
  # After a reboot, on the host of the checkpoint
  kubectl podman-checkpoint restore --from sql1-20261123-041233 \\
    --tcp-established --wait

  # On another host, from the checkpoint's archive
  kubectl podman-checkpoint restore --from sql1-live --node host-b --wait

  # A second copy beside the first, on another port, checked by a query
  kubectl podman-checkpoint restore --from sql1-live --node host-b \\
    --new-name sql2 --tcp-close -p 1434:1433 --verify 'psql -c "select 1"'
"""


def _flag(name: str, field: str, text: str, *, sets: Any = True) -> Field:
    return Field(name, field=field, sets=sets, section=_HOW, help=text)


OPTIONS: Final[list[click.Parameter]] = [
    Option(
        *("--from", "checkpoint"),
        metavar="CHECKPOINT",
        section=_FROM,
        shell_complete=checkpoints,
        help="A ContainerCheckpoint of the namespace.",
    ),
    Option(
        "--archive",
        metavar="URI",
        section=_FROM,
        help="An archive, such as file:///srv/sql1.tar.zst; with --digest.",
    ),
    Option(
        "--digest",
        metavar="SHA256",
        section=_FROM,
        help="What the archive's bytes must have, sha256:...",
    ),
    Option(
        "--container",
        metavar="CONTAINER",
        section=_FROM,
        help="A stopped container whose state is on the host.",
    ),
    Option(
        "--node",
        metavar="HOST",
        section=_FROM,
        shell_complete=hosts,
        help="Where to; default with --from: the host of the checkpoint.",
    ),
    _flag("--tcp-established", "tcpEstablished", "Bring established TCP connections back."),
    _flag("--tcp-close", "tcpClose", "Close them in the restored container (Podman 5.7)."),
    _flag("--file-locks", "fileLocks", "Bring file locks back."),
    Field(
        "--new-name",
        field="name",
        metavar="NAME",
        section=_HOW,
        help="A name for the container, beside the one that was saved.",
    ),
    Field(
        *("-p", "--publish"),
        field="publishPorts",
        metavar="PORT",
        multiple=True,
        section=_HOW,
        help="Publish these ports instead of the container's own; may be repeated.",
    ),
    Field("--pod", field="pod", metavar="POD", section=_HOW, help="The pod to restore it into."),
    Field(
        "--existing-container",
        field="existingContainer",
        section=_HOW,
        type=click.Choice(("Fail", "Adopt", "Replace")),
        metavar="Fail|Adopt|Replace",
        help="What to do with one of the same name or ID; default: Fail.",
    ),
    _flag(
        "--use-existing-bind-mounts",
        "bindMounts",
        "Use what is at their sources on the host.",
        sets="UseExisting",
    ),
    _flag("--ignore-rootfs", "ignoreRootFS", "Leave changes to the root file system out."),
    _flag("--ignore-volumes", "ignoreVolumes", "Leave the content of named volumes out."),
    _flag("--ignore-static-ip", "ignoreStaticIP", "Take any address instead of its own."),
    _flag("--ignore-static-mac", "ignoreStaticMAC", "Take any MAC address instead of its own."),
    Field(
        "--verify",
        field="verify",
        type=Words(),
        metavar="COMMAND",
        section=_HOW,
        help="Run in the restored container; Ready only if it exits with 0.",
    ),
    Option(
        "--verify-timeout",
        type=Seconds(),
        metavar="DURATION",
        section=_HOW,
        help="For --verify; default: 30s.",
    ),
    *common("restore"),
]


def spec_of(ctx: click.Context) -> dict[str, Any]:
    """Return the spec that the command line asks for; the host may be missing yet.

    Raises:
        Stop: it is not said from where, or that is said twice.
    """
    given = ctx.params
    named = [each for each in _SOURCES if given[each]]
    if len(named) != 1:
        raise error("exactly one of --from, --archive and --container is needed")
    if bool(given["digest"]) != bool(given["archive"]):
        raise error("--archive and --digest need each other: status.archive.digest has it")
    if given["verify_timeout"] is not None and not given["verify"]:
        raise error("--verify-timeout needs --verify")
    spec = fields(ctx)
    spec["source"] = {
        "checkpoint": {"checkpointRef": {"name": _bare(given["checkpoint"] or "")}},
        "archive": {"archive": {"uri": given["archive"], "digest": given["digest"]}},
        "container": {"containerRef": container_ref(given["container"] or "")},
    }[named[0]]
    if given["verify_timeout"] is not None:
        put(spec, "verify.timeoutSeconds", given["verify_timeout"])
    return spec


@click.pass_context
def _restore(ctx: click.Context, /, **flags: Any) -> int:
    session = ctx.ensure_object(Session)
    spec = spec_of(ctx)
    node = flags["node"] or _own_node(session, spec["source"])
    name = flags["name"] or name_like(_stem(spec["source"]), random_suffix())
    made = manifest(
        RESTORES,
        name,
        session.cluster.namespace,
        {"nodeName": node, **spec},
        labels_of(flags["labels"]),
    )
    return carry_out(session, RESTORES, made, flags)


def _bare(checkpoint: str) -> str:
    """Return a checkpoint's name; that of ``-o name`` has its type before it."""
    from .references import type_of  # noqa: PLC0415

    word, slash, name = checkpoint.rpartition("/")
    if slash and type_of(word) is not CHECKPOINTS:
        raise error(f"--from takes a checkpoint, not {checkpoint}")
    return name


def _own_node(session: Session, source: dict[str, Any]) -> str:
    if "checkpointRef" not in source:
        raise error("--node is needed: only a checkpoint tells its host")
    found = session.cluster.get(CHECKPOINTS, source["checkpointRef"]["name"])
    return str(found["spec"]["nodeName"])


def _stem(source: dict[str, Any]) -> str:
    if "archive" in source:
        return str(source["archive"]["uri"]).rpartition("/")[2].partition(".")[0]
    reference = source.get("checkpointRef") or source["containerRef"]
    return str(reference.get("name") or reference.get("id"))[:63]


restore = Command(
    "restore",
    callback=_restore,
    params=OPTIONS,
    examples=EXAMPLES,
    short_help="Bring a container back",
    help="""\
Bring a container back: on its host after a reboot, on another host, or as a copy.

It goes on where it was saved. A restore needs the same --tcp-established and --file-locks as its
checkpoint.
""",
)
