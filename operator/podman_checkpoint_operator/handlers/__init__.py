"""kopf only: from watch events to operations, and from deletions to clearing up. Thin.

Watch events, not kopf's change handlers, begin an operation. Those decide by an annotation of
kopf's whether a resource is new, and a backup or a ``kubectl replace`` may bring that annotation
along; an operation's own status cannot be misread. It also leaves the resources free of kopf's
bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import kopf

from ..api.names import CHECKPOINTS, DRAINED_HOST_LABEL, GROUP, HOSTS, RESTORES, VERSION
from ..decisions.failures import OperationFailed
from ..reconcilers.drain import Drain
from ..reconcilers.queue import Operations
from ..reconcilers.reconciler import Reconciler
from ..reconcilers.registration import Registration
from ..reconcilers.resource import Resource

_DISCARD_TRIES: Final = 10
_DISCARD_RETRY_SECONDS: Final = 15


@dataclass(frozen=True)
class Handled:
    """What the handlers hand resources to."""

    operations: Operations
    checkpoints: Reconciler
    restores: Reconciler
    registration: Registration
    drain: Drain
    wake: Callable[[], None]
    """Has the drain looked at again."""


def register(registry: kopf.OperatorRegistry, handled: Handled) -> None:
    """Connect the kinds to their reconcilers."""
    operations = handled.operations

    @kopf.on.event(GROUP, VERSION, CHECKPOINTS.plural, registry=registry)
    async def checkpoint(body: kopf.Body, type: str | None, **_: Any) -> None:
        tell_drain(handled, body)
        if type != "DELETED":
            operations.ensure(resource_of(body), handled.checkpoints)

    @kopf.on.event(GROUP, VERSION, RESTORES.plural, registry=registry)
    async def restore(body: kopf.Body, type: str | None, **_: Any) -> None:
        tell_drain(handled, body)
        if type != "DELETED":
            operations.ensure(resource_of(body), handled.restores)

    @kopf.on.event(GROUP, VERSION, HOSTS.plural, registry=registry)
    async def host(body: kopf.Body, type: str | None, **_: Any) -> None:
        handled.registration.seen(body, deleted=type == "DELETED")
        if handled.drain.seen(body, deleted=type == "DELETED"):
            handled.wake()

    @kopf.on.delete(
        GROUP,
        VERSION,
        CHECKPOINTS.plural,
        registry=registry,
        when=owns_archive,
        retries=_DISCARD_TRIES,
    )
    async def discard(body: kopf.Body, retry: int, **_: Any) -> None:
        try:
            await operations.discard(resource_of(body), handled.checkpoints)
        except OperationFailed as failure:
            if retry == 0:
                kopf.warn(body, reason=failure.cause, message=failure.message)
            raise kopf.TemporaryError(failure.evidence, delay=_DISCARD_RETRY_SECONDS) from failure


def tell_drain(handled: Handled, body: kopf.Body) -> None:
    """Let the drain see what becomes of a resource that it has made."""
    if is_by_drain(body):
        handled.drain.touched()
        handled.wake()


def is_by_drain(body: Mapping[str, Any]) -> bool:
    """Whether a drain has made a resource."""
    return DRAINED_HOST_LABEL in body["metadata"].get("labels", {})


def owns_archive(spec: kopf.Spec, **_: Any) -> bool:
    """Whether the archive is to go with the resource; only then the agent holds a finalizer."""
    return spec.get("deletionPolicy") == "Delete"


def resource_of(body: Mapping[str, Any]) -> Resource:
    """Return a resource in the reconcilers' terms."""
    metadata = body["metadata"]
    return Resource(
        kind=body["kind"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=dict(body.get("spec") or {}),
        status=dict(body.get("status") or {}),
        deleted=bool(metadata.get("deletionTimestamp")),
        by_drain=is_by_drain(body),
    )
