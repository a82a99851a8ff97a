"""Starts the product's agent so that it is killed at one exact point of its work.

The product has no hook for this: a method of it is wrapped before the agent starts. Copied into the
hosts and run there by :mod:`.agent_process` when the environment names a point, as

    WHEN:WHERE:WHAT[:HOW]

WHEN is ``before`` or ``after`` a call, or ``during``: some time after it was sent, or after the
first chunk of what it yields. WHERE and WHAT are a key of :data:`OWNERS` and a method; for
``journal`` a step that is written, for ``status`` ``final``. HOW is the signal that the agent gets,
``KILL`` unless given, or ``PODMAN``, which kills the Podman service in its place.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from podman_checkpoint_operator.agent.api_server import ApiServer
from podman_checkpoint_operator.agent.archives import CheckpointArchives
from podman_checkpoint_operator.agent.drain_board import ApiBoard
from podman_checkpoint_operator.agent.host_registry import ApiHostRegistry
from podman_checkpoint_operator.cli.main import main
from podman_checkpoint_operator.host.bind_sources import BindSources
from podman_checkpoint_operator.host.journal import DirectoryJournal
from podman_checkpoint_operator.host.machine import LocalMachine
from podman_checkpoint_operator.host.units import HostUnits
from podman_checkpoint_operator.podman.service import PodmanService
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.stores import directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE: Final = "PODMAN_CHECKPOINT_LAB_FAULT"
IN_FLIGHT_SECONDS: Final = 0.05
"""From when a call begins until it counts as being under way: CRIU is at work by then."""

OWNERS: Final[dict[str, Any]] = {
    "podman": PodmanService,
    "archives": CheckpointArchives,
    "machine": LocalMachine,
    "units": HostUnits,
    "binds": BindSources,
    "store": directory,
    "file": directory.ArchiveFile,
    "drain": ApiBoard,
    "host": ApiHostRegistry,
}


def require(point: str) -> None:
    """See that the product still has what a point is about.

    Raises:
        AttributeError, ValueError: it has not.
    """
    _, where, what, *_ = point.split(":")
    if where == "journal":
        Step(what)
    elif where != "status":
        getattr(OWNERS[where], what)


def arm(point: str) -> None:
    """Wrap the method that a point is about."""
    when, where, what, *rest = point.split(":")
    how = rest[0] if rest else "KILL"
    struck = threading.Event()

    def strike() -> None:
        if struck.is_set():
            return
        struck.set()
        if how == "PODMAN":
            _kill_podman()
        else:
            # A signal for the process may hit another thread, and this one would go on for a while.
            signal.pthread_kill(threading.get_ident(), signal.Signals[f"SIG{how}"])

    if where == "journal":
        _wrap(DirectoryJournal, "write", when, strike, lambda entry: entry.step == what)
    elif where == "status":
        _wrap(ApiServer, "status", when, strike, lambda _, status: _is_final(status))
    else:
        _wrap(OWNERS[where], what, when, strike, lambda *_, **__: True)


def _wrap(
    owner: Any, name: str, when: str, strike: Callable[[], None], wanted: Callable[..., bool]
) -> None:
    original = getattr(owner, name)
    bound = 1 if inspect.isclass(owner) else 0

    @wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not wanted(*args[bound:], **kwargs):
            return original(*args, **kwargs)
        if when == "before":
            strike()
        if when == "during":
            threading.Timer(IN_FLIGHT_SECONDS, strike).start()
        result = original(*args, **kwargs)
        if when == "after":
            strike()
        return result

    @wraps(original)
    def cut_off(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for chunk in original(*args, **kwargs):
            yield chunk
            strike()

    setattr(owner, name, cut_off if inspect.isgeneratorfunction(original) else wrapped)


def _kill_podman() -> None:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"podman\0system\0service\0"):
                os.kill(int(process.name), signal.SIGKILL)


def _is_final(status: Any) -> bool:
    return any(
        condition["type"] == "Stalled"
        or (condition["type"] == "Ready" and condition["status"] == "True")
        for condition in status["conditions"]
    )


if __name__ == "__main__":
    arm(os.environ.pop(VARIABLE))
    sys.exit(main())
