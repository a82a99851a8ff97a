"""What an agent looks after beside the operations that resources ask for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

from ..reconcilers.drain import POLL_SECONDS, Drain
from ..reconcilers.queue import Operations
from ..reconcilers.registration import HEARTBEAT_SECONDS, Registration
from ..reconcilers.restart_policy import RestartPolicies
from .lean import give_back

logger = logging.getLogger(__name__)

_EVERY_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the host shuts down: for one file, which is not there."""


async def repeatedly(turn: Callable[[], Awaitable[None]], *, seconds: float) -> NoReturn:
    """For ever, take turns; a defect that shows in one does not end the others."""

    async def timed() -> float:
        await turn()
        return seconds

    await _when_due(timed, asyncio.Event(), after_defect=seconds)


async def _when_due(
    turn: Callable[[], Awaitable[float | None]], woken: asyncio.Event, *, after_defect: float
) -> NoReturn:
    """For ever, take turns, each as soon as the one before said, or as it is woken for it."""
    while True:
        woken.clear()
        try:
            pause = await turn()
        except Exception:
            logger.exception("unexpected")
            pause = after_defect
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), pause)


async def put_back_policies(operations: Operations, policies: RestartPolicies) -> None:
    """For ever, give restart policies back to containers that others have started again."""

    async def turn() -> None:
        for container_id in await asyncio.to_thread(policies.suspended):
            try:
                await operations.between(container_id, partial(policies.settle, container_id))
            except OSError as error:  # a full disk, say; the next round may find it better
                logger.warning("restart policy not put back yet", extra={"error": str(error)})

    await repeatedly(turn, seconds=_EVERY_SECONDS)


async def keep_small() -> None:
    """For ever, keep no memory that operations have needed and freed."""
    await repeatedly(lambda: asyncio.to_thread(give_back), seconds=_EVERY_SECONDS)


async def keep_registered(registration: Registration) -> None:
    """For ever, keep the host registered."""
    await repeatedly(lambda: asyncio.to_thread(registration.beat), seconds=HEARTBEAT_SECONDS)


async def keep_drained(drain: Drain, woken: asyncio.Event) -> NoReturn:
    """For ever, drain the host and restore what was drained, as soon as there is something to do.

    Args:
        drain: of the host.
        woken: set when something has changed.
    """
    await _when_due(partial(asyncio.to_thread, drain.turn), woken, after_defect=POLL_SECONDS)


async def notice(look: Callable[[], object], wake: Callable[[], None]) -> None:
    """For ever, look at something, and wake others when it is not what it was."""
    before = look()

    async def turn() -> None:
        nonlocal before
        if (after := look()) != before:
            before = after
            wake()

    await repeatedly(turn, seconds=_LOOK_SECONDS)
