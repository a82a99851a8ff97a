"""Whether a container lives after what was done to it, and how status names it."""

from __future__ import annotations

import time
from typing import Final

from ..api.reasons import Cause
from ..decisions.facts import Container, State
from ..decisions.failures import OperationFailed
from .podman_port import SETTLE_SECONDS, Podman, PodmanError, PodmanTimedOut

_LOOKS: Final = 4
_BETWEEN_SECONDS: Final = 0.1


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
                "See podman logs of the container; exit code 132 is a CPU that lacks what the"
                " other one had",
            )
        time.sleep(_BETWEEN_SECONDS)


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
