"""From a failed call of Podman to an explained failure of the operation."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..api.reasons import Cause
from ..criu.catalogue import diagnose
from ..criu.log import LOG_NAMES, Phase
from ..decisions.failures import OperationFailed
from .podman_port import PodmanError, PodmanTimedOut, PodmanUnreachable

_IT_IS_AWAY: Final = (
    "Start it on the host: systemctl enable --now podman.socket; or point the agent at its"
    " socket with PODMAN_CHECKPOINT_PODMAN_URL"
)
_IT_HANGS: Final = (
    "See on the host what keeps Podman: whether podman ps answers, and the load of the host. If it"
    " hangs: systemctl restart podman.service"
)
_CLEANED_UP: Final = (
    "As soon as Podman answers, the agent cleans up what was begun. A container that this has"
    " stopped keeps its state: a ContainerRestore with spec.source.containerRef brings it back"
)


def explain(
    error: PodmanError, log: bytes | None, phase: Phase, bundle: Path | None
) -> OperationFailed:
    """Explain why Podman could not checkpoint or restore.

    Args:
        error: what Podman answered.
        log: CRIU's log of this attempt, if there is one.
        phase: what Podman was asked for.
        bundle: where the log lies on the host, for failures that nobody has explained before; None
            when it goes with the container.
    """
    path = str(bundle / LOG_NAMES[phase]) if bundle else ""
    found = diagnose(str(error), log, phase, path=path)
    return OperationFailed(found.cause, found.evidence, found.remedy)


def unreachable(error: PodmanUnreachable, *, given_up: bool = False) -> OperationFailed:
    """Explain that an operation waits for Podman, or has waited for too long.

    Args:
        error: of the last try.
        given_up: nobody waits any longer, and what was begun is still to be cleaned up.
    """
    remedy = _IT_HANGS if isinstance(error, PodmanTimedOut) else _IT_IS_AWAY
    if given_up:
        remedy = f"{remedy}. {_CLEANED_UP}"
    return OperationFailed(Cause.PODMAN_UNREACHABLE, str(error), remedy)
