"""What the handlers hand resources to, when a test wants to see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podman_checkpoint_operator.reconcilers.drain import Drain
from podman_checkpoint_operator.reconcilers.operation import Operation
from podman_checkpoint_operator.reconcilers.queue import Operations
from podman_checkpoint_operator.reconcilers.reconciler import Reconciler
from podman_checkpoint_operator.reconcilers.registration import Registration
from podman_checkpoint_operator.reconcilers.resource import Resource


class NoReconciler:
    """Is never called: the operations are recorded only."""

    def identify(self, resource: Resource) -> str:
        raise NotImplementedError

    def run(self, operation: Operation) -> None:
        raise NotImplementedError

    def abandon(self, operation: Operation) -> None:
        raise NotImplementedError

    def discard(self, resource: Resource) -> None:
        raise NotImplementedError


class RecordingOperations(Operations):
    """Keeps what it is handed, and does what a test says when it is to discard."""

    def __init__(self, discard: Callable[[], Any] = lambda: None) -> None:
        self.ensured: list[tuple[Resource, Reconciler]] = []
        self.discarded: list[Resource] = []
        self._do_discard = discard

    def ensure(self, resource: Resource, reconciler: Reconciler) -> None:
        self.ensured.append((resource, reconciler))

    async def discard(self, resource: Resource, reconciler: Reconciler) -> None:
        self.discarded.append(resource)
        self._do_discard()


class RecordingDrain(Drain):
    """Keeps what it is shown, and whether it was told of its resources."""

    def __init__(self) -> None:
        self.shown: list[Mapping[str, Any]] = []
        self.touches = 0

    def seen(self, body: Mapping[str, Any], *, deleted: bool) -> bool:
        self.shown.append(body)
        return True

    def touched(self) -> None:
        self.touches += 1


class RecordingRegistration(Registration):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[Mapping[str, Any], bool]] = []

    def seen(self, body: Mapping[str, Any], *, deleted: bool) -> None:
        self.shown.append((body, deleted))
