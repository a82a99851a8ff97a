"""The controller: all parts wired, kopf around them, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import kopf

from ..agent.housekeeping import repeatedly
from ..agent.kopf_settings import common_settings, load_credentials, login_as_client
from ..agent.metrics_server import served
from ..agent.version import product_version
from ..handlers.fleet import register
from .api_server import FleetApi
from .authorizer import Authorizer
from .fleet import Fleet
from .metrics import Metrics

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Listening:
    """Where the controller answers."""

    liveness: str
    """The liveness probe; empty for nowhere."""
    metrics: str
    """Prometheus; empty for nowhere."""
    authorizer: str
    """The API server's question what agents may read; empty for nowhere."""
    certificate: Path
    """For it, in PEM, as the key is."""
    key: Path


def run(listening: Listening) -> None:
    """Run the controller until it gets SIGTERM or SIGINT.

    Raises:
        kubernetes.config.ConfigException: there are no credentials for the API server.
        OSError: an address is taken, or a file cannot be read.
    """
    load_credentials()
    asyncio.run(_run(listening))


async def _run(listening: Listening) -> None:
    api = FleetApi()
    metrics = Metrics(product_version())
    fleet = Fleet(api, metrics)
    registry = kopf.OperatorRegistry()
    register(registry, fleet.seen)
    login_as_client(registry)
    looking = asyncio.create_task(
        repeatedly(lambda: asyncio.to_thread(fleet.look), seconds=_EVERY_SECONDS)
    )
    authorizer = Authorizer(api, metrics.decided)
    answering = authorizer.served(listening.authorizer, listening.certificate, listening.key)
    async with served(listening.metrics, metrics.render):
        with answering:
            logger.info("controller started")
            await kopf.operator(
                registry=registry,
                settings=common_settings(instance=socket.gethostname()),
                clusterwide=True,
                liveness_endpoint=listening.liveness or None,
            )
    looking.cancel()
    logger.info("controller stopped")
