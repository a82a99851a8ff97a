"""What an agent looks after beside the operations that resources ask for."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from ..reconcilers.queue import Operations
from ..reconcilers.restart_policy import RestartPolicies

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 10.0


async def put_back_policies(operations: Operations, policies: RestartPolicies) -> None:
    """For ever, give restart policies back to containers that others have started again."""
    while True:
        for container_id in await asyncio.to_thread(policies.suspended):
            try:
                await operations.between(container_id, partial(policies.settle, container_id))
            except OSError as error:  # a full disk, say; the next round may find it better
                logger.warning("restart policy not put back yet", extra={"error": str(error)})
        await asyncio.sleep(_EVERY_SECONDS)
