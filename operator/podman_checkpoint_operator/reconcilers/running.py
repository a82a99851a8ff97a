"""Whether a container lives after what was done to it, and how status names it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..api.reasons import Cause
from ..decisions.facts import Container, State
from ..decisions.failures import OperationFailed
from .podman_port import SETTLE_SECONDS, Podman, PodmanError, PodmanTimedOut

_LOOKS: Final = 4
_BETWEEN_SECONDS: Final = 0.1
_SETTLE_POLL_SECONDS: Final = 1.0
_SETTLE_LOOKS: Final = 3


def require_running(podman: Podman, container: Container) -> None:
    """See a restored container run for a moment: damaged memory kills it at once.

    Raises:
        OperationFailed: it does not run.
    """
    for _ in range(_LOOKS):
        now = podman.find(container.id)
        if now is None or now.state is not State.RUNNING:
            raise OperationFailed(
                Cause.DIED_AFTER_RESTORE,
                f"container {container.name} was restored and then"
                f" {'vanished' if now is None else f'was {now.state}'}",
                "See podman logs of the container, and its exit code by podman ps --all: 132 is a"
                " CPU that lacks what the other one had, 0 often a program that ends when a system"
                " call is interrupted, such as busybox's sleep",
            )
        time.sleep(_BETWEEN_SECONDS)


def brought_up(find: Callable[[], Container | None]) -> Container | None:
    """Return the container that a restore we lost sight of has brought up, if it has.

    Podman goes on when its client is gone. It answers an inspect only between its steps, so
    that a container that stays unstarted over some looks is not being restored any more.

    Args:
        find: looks for the container.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    unstarted = 0
    while unstarted < _SETTLE_LOOKS and time.monotonic() < deadline:
        container = find()
        if container is not None and container.state is State.RUNNING:
            return container
        unstarted += 1
        time.sleep(_SETTLE_POLL_SECONDS)
    return None


def settled(
    podman: Podman, container: Container, error: PodmanTimedOut, failure: OperationFailed
) -> Container:
    """Return what has become of a container when an answer about it did not come in time.

    Podman goes on with what it was asked for, and answers an inspect after it.

    Raises:
        OperationFailed: ``failure``, because it goes on for too long.
    """
    try:
        return podman.inspect(container.id, timeout=SETTLE_SECONDS)
    except PodmanError:
        raise failure from error


def identity(container: Container) -> dict[str, str]:
    """Return ``status.container``."""
    return {
        "id": container.id,
        "name": container.name,
        "image": container.image,
        "imageID": container.image_id,
        "runtime": container.runtime,
    }
