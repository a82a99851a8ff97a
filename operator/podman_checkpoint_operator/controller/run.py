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
from ..handlers.fleet import register
from .api_server import FleetApi
from .authorizer import Authorizer
from .fleet import Fleet

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Listening:
    """Where the controller answers."""

    liveness: str
    """The liveness probe; empty for nowhere."""
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
    fleet = Fleet(api)
    registry = kopf.OperatorRegistry()
    register(registry, fleet.seen)
    login_as_client(registry)
    looking = asyncio.create_task(
        repeatedly(lambda: asyncio.to_thread(fleet.look), seconds=_EVERY_SECONDS)
    )
    authorizer = Authorizer(api)
    with authorizer.served(listening.authorizer, listening.certificate, listening.key):
        logger.info("controller started")
        await kopf.operator(
            registry=registry,
            settings=common_settings(instance=socket.gethostname()),
            clusterwide=True,
            liveness_endpoint=listening.liveness or None,
        )
    looking.cancel()
    logger.info("controller stopped")
