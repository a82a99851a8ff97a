"""Runs kopf's real operator with the agent's settings against an API server of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import kopf

from podman_checkpoint_operator.agent.run import operator_settings
from tests.unit.kubernetes_api import KubernetesApi

SECONDS = 30


def run_operator(
    registry: kopf.OperatorRegistry,
    api: KubernetesApi,
    *,
    node_name: str = "host-a",
    until: Callable[[], object],
) -> None:
    """Run the operator of one host until something has happened."""

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=api.url)

    async def body() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=operator_settings(node_name),
                clusterwide=True,
                stop_flag=stop,
            )
        )
        try:
            async with asyncio.timeout(SECONDS):
                while not until() and not running.done():  # noqa: ASYNC110 - other threads' doing
                    await asyncio.sleep(0.01)
        finally:
            api.finished.set()
            stop.set()
            await running

    asyncio.run(body())
