"""From a failed call of Podman to an explained failure of the operation."""

from __future__ import annotations

from pathlib import Path

from ..criu.catalogue import diagnose
from ..criu.log import LOG_NAMES, Phase
from ..decisions.failures import OperationFailed
from .podman_port import PodmanError


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
