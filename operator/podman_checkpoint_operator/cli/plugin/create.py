"""``create``: a checkpoint of a container."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click

from ...api.names import CHECKPOINTS
from .completion import hosts
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
)
from .options import Command, Field, Option, Session

_SAVE: Final = "What to save"
_ARCHIVE: Final = "The archive"
_HOOKS: Final = "Commands in the container"

EXAMPLES: Final = """
  # Before a reboot: the container stops, and its state stays on its host
  kubectl podman-checkpoint create sql1 --node host-a --tcp-established --wait

  # While it runs on, into an archive that any host can restore
  kubectl podman-checkpoint create sql1 --node host-a --leave-running --wait

  # Only write the manifest, for Git
  kubectl podman-checkpoint create sql1 --node host-a --dry-run=client -o yaml
"""


def _flag(name: str, field: str, text: str, *, sets: Any = True, section: str = _SAVE) -> Field:
    return Field(name, field=field, sets=sets, section=section, help=text)


OPTIONS: Final[list[click.Parameter]] = [
    click.Argument(["container"], metavar="CONTAINER"),
    Field(
        *("--node", "node"),
        field="nodeName",
        metavar="HOST",
        required=True,
        section=_SAVE,
        help="The Podman host that the container runs on.",
        shell_complete=hosts,
    ),
    _flag("--leave-running", "leaveRunning", "Let it run on after a short pause; with an archive."),
    _flag("--tcp-established", "tcpEstablished", "Save established TCP connections."),
    _flag("--file-locks", "fileLocks", "Save file locks."),
    _flag("--pre-copy", "preCopy", "Copy most of the memory before the pause."),
    Field(
        "--ghost-limit",
        field="ghostLimit.limit",
        metavar="SIZE",
        section=_SAVE,
        help="Save deleted files that are open up to this size, such as 40M, at least.",
    ),
    Field(
        "--ghost-limit-max",
        field="ghostLimit.max",
        metavar="SIZE",
        section=_SAVE,
        help="Never raise the limit beyond this; default: 1Gi.",
    ),
    Field(
        "--ghost-limit-policy",
        field="ghostLimit.policy",
        section=_SAVE,
        type=click.Choice(("Auto", "Fixed", "Disabled")),
        metavar="Auto|Fixed|Disabled",
        help="Who chooses the limit; default: Auto, what is needed.",
    ),
    _flag("--archive", "archive", "Write an archive, for any host.", sets={}, section=_ARCHIVE),
    Field(
        "--compression",
        field="archive.compression",
        section=_ARCHIVE,
        type=click.Choice(("zstd", "gzip", "none")),
        metavar="zstd|gzip|none",
        help="Of the archive; default: zstd.",
    ),
    _flag(
        "--include-bind-mounts",
        "archive.bindMounts",
        "Put the content of bind mounts into it.",
        sets="Include",
        section=_ARCHIVE,
    ),
    _flag(
        "--ignore-rootfs",
        "ignoreRootFS",
        "Leave out changes to the root file system.",
        section=_ARCHIVE,
    ),
    _flag("--ignore-volumes", "ignoreVolumes", "Leave out named volumes.", section=_ARCHIVE),
    Field(
        "--deletion-policy",
        field="deletionPolicy",
        section=_ARCHIVE,
        type=click.Choice(("Retain", "Delete")),
        metavar="Retain|Delete",
        help="What happens to the archive with the resource; default: Retain.",
    ),
    Field(
        "--pre-checkpoint",
        field="hooks.preCheckpoint",
        type=Words(),
        metavar="COMMAND",
        section=_HOOKS,
        help="Before it is saved, such as 'psql -Xqc CHECKPOINT'.",
    ),
    Field(
        "--post-checkpoint",
        field="hooks.postCheckpoint",
        type=Words(),
        metavar="COMMAND",
        section=_HOOKS,
        help="When it runs on; with --leave-running.",
    ),
    Option(
        "--hook-timeout",
        type=Seconds(),
        metavar="DURATION",
        section=_HOOKS,
        help="For each of them; default: 30s.",
    ),
    Option(
        "--hook-on-error",
        type=click.Choice(("Fail", "Continue")),
        metavar="Fail|Continue",
        section=_HOOKS,
        help="What it means if one fails; default: Fail.",
    ),
    *common("checkpoint"),
]


def spec_of(ctx: click.Context) -> dict[str, Any]:
    """Return the spec that the command line asks for."""
    spec = fields(ctx)
    spec["containerRef"] = container_ref(ctx.params["container"])
    if spec.get("leaveRunning"):
        # The only way in which it can be: the user need not say so twice.
        spec.setdefault("archive", {})
    for hook in (spec.get("hooks") or {}).values():
        for option, field in (("hook_timeout", "timeoutSeconds"), ("hook_on_error", "onError")):
            if ctx.params[option] is not None:
                hook[field] = ctx.params[option]
    return spec


@click.pass_context
def _create(ctx: click.Context, /, **flags: Any) -> int:
    session = ctx.ensure_object(Session)
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = flags["name"] or name_like(flags["container"], now)
    made = manifest(
        CHECKPOINTS, name, session.cluster.namespace, spec_of(ctx), labels_of(flags["labels"])
    )
    return carry_out(session, CHECKPOINTS, made, flags)


create = Command(
    "create",
    callback=_create,
    params=OPTIONS,
    examples=EXAMPLES,
    short_help="Save a running container",
    help="""\
Save a running container: memory, open files, TCP connections and file system.

CONTAINER is its name or its ID, of 12 or 64 digits, as podman ps shows them. Without an archive the
container stops, and its state stays on its host, ready for a reboot.
""",
)
