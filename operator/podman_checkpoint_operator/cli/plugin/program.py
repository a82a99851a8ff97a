"""The program ``kubectl-podman_checkpoint``: kubectl runs it as ``kubectl podman-checkpoint``."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Final

import click

from ...agent.version import product_version
from .create import create
from .drain import drain, undrain
from .examine import diagnose, inspect
from .hosts import hosts
from .looking import describe, list_
from .options import Group, Session, where
from .outcome import DONE, ERROR, EXIT_STATUS, INTERRUPTED, Stop
from .restore import restore

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM: Final = "kubectl podman-checkpoint"
_HELP: Final = ("-h", "--help")
_TRACEBACK: Final = "PODMAN_CHECKPOINT_TRACEBACK"

plugin: Final = Group(
    "podman-checkpoint",
    params=where(),
    commands=[create, list_, describe, restore, inspect, diagnose, hosts, drain, undrain],
    context_settings={"help_option_names": list(_HELP), "max_content_width": 100},
    help="Checkpoint running Podman containers and restore them, on the hosts of a fleet.",
    epilog=f"\b\n{EXIT_STATUS}",
)
click.version_option(product_version(), prog_name=PROGRAM)(plugin)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; whatever happens, no traceback is shown."""
    # The Kubernetes library tells of credential plugins that fail by its log alone.
    logging.basicConfig(format="error: %(message)s", level=logging.ERROR)
    try:
        status = plugin.main(
            args=None if argv is None else list(argv),
            prog_name=PROGRAM,
            standalone_mode=False,
            obj=Session(),
        )
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Who read the output has enough. Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except click.exceptions.NoArgsIsHelpError as asked:
        print(asked.format_message())
        return DONE
    except Exception as raised:  # noqa: BLE001 - whatever it is
        return _explained(raised)
    return int(status or DONE)


def _explained(raised: Exception) -> int:
    """Say what has ended a command, and return its exit status."""
    status = ERROR
    if isinstance(raised, Stop):
        message, status = str(raised), raised.status
    elif isinstance(raised, click.ClickException):
        message = f"error: {_usage(raised)}"
    elif os.environ.get(_TRACEBACK):
        raise raised
    else:
        message = (
            f"error: this should not have happened: {type(raised).__name__}: {raised}\n"
            f"{_TRACEBACK}=1 shows where; please report it"
        )
    print(message, file=sys.stderr)
    return status


def _usage(wrong: click.ClickException) -> str:
    """Return what is wrong with a command line, in kubectl's words."""
    message = wrong.format_message()
    if isinstance(wrong, click.NoSuchOption):
        message = f"unknown flag: {wrong.option_name}"
    elif isinstance(wrong, click.MissingParameter) and wrong.param is not None:
        name = wrong.param.human_readable_name
        is_flag = isinstance(wrong.param, click.Option)
        message = f'required flag(s) "{name}" not set' if is_flag else f"{name} is required"
    elif unknown := re.match("No such command '(.*?)'", message):
        message = f'unknown command "{unknown[1]}" for "{PROGRAM}"'
    elif isinstance(wrong, click.UsageError):
        message = message[:1].lower() + message[1:].rstrip(".")
    if isinstance(wrong, click.UsageError) and wrong.ctx is not None:
        message += f"\nSee '{wrong.ctx.command_path} --help' for usage."
    return message


if __name__ == "__main__":
    sys.exit(main())
