"""The controller: all parts wired, kopf around them, until it is told to stop."""

from __future__ import annotations

import asyncio
import io
import logging
import socket
from contextlib import redirect_stdout
from typing import Final

import kopf
import kubernetes.config

from ..agent.housekeeping import repeatedly
from ..agent.kopf_settings import common_settings, login_as_client
from ..handlers.fleet import register
from .api_server import FleetApi
from .fleet import Fleet

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 10.0


def run(*, liveness: str) -> None:
    """Run the controller until it gets SIGTERM or SIGINT.

    Args:
        liveness: where the liveness probe is answered; empty for nowhere.

    Raises:
        kubernetes.config.ConfigException: there are no credentials for the API server.
    """
    # The library prints a hint on standard output where there is no kubeconfig.
    with redirect_stdout(io.StringIO()):
        kubernetes.config.load_config()
    asyncio.run(_run(liveness))


async def _run(liveness: str) -> None:
    fleet = Fleet(FleetApi())
    registry = kopf.OperatorRegistry()
    register(registry, fleet.seen)
    login_as_client(registry)
    looking = asyncio.create_task(
        repeatedly(lambda: asyncio.to_thread(fleet.look), seconds=_EVERY_SECONDS)
    )
    logger.info("controller started")
    await kopf.operator(
        registry=registry,
        settings=common_settings(instance=socket.gethostname()),
        clusterwide=True,
        liveness_endpoint=liveness or None,
    )
    looking.cancel()
    logger.info("controller stopped")
