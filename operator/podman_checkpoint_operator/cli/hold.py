"""``podman-checkpoint-hold``: has a shutdown wait until the agent has saved the containers.

It is a program of its own, and imports next to nothing: it waits on every host, for years.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from jeepney import DBusErrorResponse

from ..hold.logind import Logind
from ..hold.run import Hold
from ..host.file_lock import AGENT_LOCK, is_held
from ..host.shutdown_files import ShutdownFiles

_VARIABLE: Final = "PODMAN_CHECKPOINT_STATE_DIR"
_STATE_DIR: Final = "/var/lib/podman-checkpoint/state"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_WALL_SECONDS: Final = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line and hold shutdowns until SIGTERM; return the exit status."""
    state_dir = Path(_parser().parse_args(argv).state_dir)
    # As process 1 of a container it would be deaf to it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        _run(state_dir)
    except DBusErrorResponse as error:
        return _refuse(f"systemd-logind does not answer: {error}\nStart systemd-logind")
    except (OSError, KeyError) as error:
        return _refuse(
            f"{error}\nThe hold needs the system bus, /run/dbus/system_bus_socket, and the state"
            f" directory of the agent, {state_dir}"
        )


def _run(state_dir: Path) -> NoReturn:
    logind = Logind()
    hold = Hold(
        logind,
        ShutdownFiles(state_dir, lambda: _BOOT_ID.read_text().strip()),
        agent_runs=partial(is_held, state_dir / AGENT_LOCK),
        alarm=_alarm,
    )
    while True:
        logind.wait(hold.turn())


def _alarm(message: str) -> None:
    """Tell who is logged on, where the host has a program for it."""
    if wall := shutil.which("wall"):
        try:
            subprocess.run([wall], input=message.encode(), check=False, timeout=_WALL_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            logging.getLogger(__name__).exception("nobody was told")


def _refuse(message: str) -> int:
    print(f"podman-checkpoint-hold: {message}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="podman-checkpoint-hold",
        description="Holds each shutdown of this host, by a delay lock of systemd-logind's, until"
        " the agent has checkpointed the containers that opted in. They are restored after the"
        " boot.",
    )
    parser.add_argument(
        "--state-dir",
        default=os.environ.get(_VARIABLE, _STATE_DIR),
        help=f"the state directory of the agent [{_VARIABLE}; default: {_STATE_DIR}]",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
