"""kopf only: what the controller watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf

from ..api.names import CHECKPOINTS, GROUP, HOSTS, RESTORES, VERSION


def register(registry: kopf.OperatorRegistry, seen: Callable[..., None]) -> None:
    """Hand every resource of the fleet on, as it is after each change.

    Args:
        registry: of the controller.
        seen: takes the resource, and ``deleted``.
    """
    for resource in (HOSTS, CHECKPOINTS, RESTORES):

        @kopf.on.event(GROUP, VERSION, resource.plural, id=resource.plural, registry=registry)
        async def see(body: kopf.Body, type: str | None, **_: Any) -> None:
            seen(body, deleted=type == "DELETED")
