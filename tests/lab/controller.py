"""The product's controller as a program of this machine; in a cluster it is a Deployment."""

from __future__ import annotations

import os
import sys
from typing import Final

from . import agents, controlplane, credentials, paths
from .processes import Daemon

CONTROLLER: Final = Daemon("controller")
METRICS: Final = f"http://{paths.GATEWAY}:8086/metrics"
_VERSION: Final = paths.STATE / "controller.version"
_KUBECONFIG: Final = paths.STATE / "controller.kubeconfig"


def up() -> None:
    """Start the checkout's present code, in place of a controller that runs anything else."""
    version = agents.code_digest()
    if CONTROLLER.pid() is not None and _VERSION.read_text() == version:
        return
    down()
    _VERSION.write_text(version)
    pair = controlplane.authorizer_keys()
    _KUBECONFIG.touch(mode=0o600)
    _KUBECONFIG.write_text(credentials.controller_kubeconfig())
    CONTROLLER.start(
        sys.executable,
        *("-m", "podman_checkpoint_operator.cli.controller", "--liveness="),
        f"--metrics={METRICS}",
        f"--authorizer={controlplane.AUTHORIZER}",
        f"--authorizer-certificate={pair.certificate}",
        f"--authorizer-key={pair.key}",
        env={
            **os.environ,
            "PYTHONPATH": str(paths.CHECKOUT / "operator"),
            "KUBECONFIG": str(_KUBECONFIG),
        },
    )


def down() -> None:
    """Stop it."""
    CONTROLLER.stop()
