"""``podman-checkpoint-agent``: the program that runs on every Podman host, and its tools."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..agent.lean import spare_memory
from ..agent.settings import Settings
from ..agent.version import product_version
from . import diagnose, inspect
from .output import refuse

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and do what it says; return the exit status."""
    arguments = _parser().parse_args(argv)
    call: Callable[[argparse.Namespace], int] = arguments.call
    try:
        return call(arguments)
    except BrokenPipeError:
        # Who read the output has enough. Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _configure(arguments: argparse.Namespace) -> int:
    given = {
        name: value
        for name, value in vars(arguments).items()
        if value is not None and name in Settings.model_fields
    }
    try:
        settings = Settings(**given)
    except ValidationError as error:
        return refuse(_settings_message(error))
    return _run(settings)


def _run(settings: Settings) -> int:
    spare_memory()
    # kopf and the Kubernetes client take half a second to import: not for --help or a mistake.
    from kubernetes.config import ConfigException  # noqa: PLC0415

    from ..agent import logs, run, start  # noqa: PLC0415

    json_lines = settings.log_format == "json"
    logs.configure(json_lines=json_lines, level=settings.log_level, node=settings.node_name)
    if not Path(settings.podman_url.removeprefix("unix://")).exists():
        logger.warning(
            "Podman's socket does not exist yet; operations wait for it",
            extra={"url": settings.podman_url},
        )
    try:
        run.run(settings)
    except ConfigException as error:
        contained = settings.host_root != Path("/")
        return refuse(
            f"no credentials for the API server: {error}\nSet KUBECONFIG to a kubeconfig of this"
            " agent, or run it as a Pod with a service account"
            + (f". Mount the host's / at --host-root, {settings.host_root}" if contained else "")
        )
    except (start.AlreadyRunning, start.NotOfTheHost) as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(_system_message(error, settings))
    return 0


def _system_message(error: OSError, settings: Settings) -> str:
    what = f": {error.filename}" if error.filename else ""
    found = f"{error.strerror or error}{what}"
    if isinstance(error, PermissionError):
        return f"{found}\nRun the agent as root"
    if error.errno == errno.EADDRINUSE:
        # kopf's own address is not named by the error.
        flag = "--metrics" if error.filename else "--liveness"
        return f"{error.filename or settings.liveness} is in use\nSet {flag} to a free address"
    if error.errno == errno.EROFS:
        return (
            f"{found}\nMount it into the agent's container, writable, or take what makes it"
            " read-only out of its systemd unit. docs/install.md has the table of mounts"
        )
    return f"{found}\nCorrect the setting that names it"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="podman-checkpoint-agent",
        description="Checkpoints and restores the Podman containers of this host, as"
        " ContainerCheckpoints and ContainerRestores ask for it; explains"
        " logs of CRIU's and looks into archives.",
    )
    parser.add_argument("--version", action="version", version=product_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run the agent",
        description="Run the agent until SIGTERM. Every flag can be set in the environment as well;"
        " a flag wins. The API server is found by KUBECONFIG, or by the service account of a Pod.",
    )
    for name, field in Settings.model_fields.items():
        default = "the host name" if field.default_factory else repr(str(field.default))
        run.add_argument(
            f"--{name.replace('_', '-')}",
            metavar=name.upper(),
            help=f"{field.description} [PODMAN_CHECKPOINT_{name.upper()}; default: {default}]",
        )
    run.set_defaults(call=_configure)
    diagnose.add_parser(commands)
    inspect.add_parser(commands)
    return parser


def _settings_message(error: ValidationError) -> str:
    return "\n".join(
        f"--{_flag(problem)} (PODMAN_CHECKPOINT_{_flag(problem).upper().replace('-', '_')}):"
        f" {problem['msg'].removeprefix('Value error, ')}; got {problem['input']!r}"
        for problem in error.errors()
    )


def _flag(problem: Any) -> str:
    return str(problem["loc"][0]).replace("_", "-")


if __name__ == "__main__":
    sys.exit(main())
