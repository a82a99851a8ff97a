"""What is looked at when Prometheus asks for an agent's metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, TypeVar

from ..decisions.failures import OperationFailed
from ..podman.service import PodmanService
from ..reconcilers.observer import Load
from ..reconcilers.podman_port import PodmanError
from ..stores.directory import DirectoryStore
from .metrics import Metrics, Sample
from .metrics_server import served

_PATIENCE_SECONDS: Final = 3.0

_T = TypeVar("_T")


class Look(Generic[_T]):
    """Calls something that may hang: a scrape waits for it only so long, and only one at a time."""

    def __init__(self, call: Callable[[], _T], *, otherwise: _T) -> None:
        self._call = call
        self._otherwise = otherwise
        self._under_way: asyncio.Task[_T] | None = None

    async def __call__(self) -> _T:
        """Return what the call returns, or the other value if it does not return in time."""
        if self._under_way is None:
            self._under_way = asyncio.create_task(asyncio.to_thread(self._call))
        done, _ = await asyncio.wait([self._under_way], timeout=_PATIENCE_SECONDS)
        if not done:
            return self._otherwise
        self._under_way = None
        return done.pop().result()


class Scrapes:
    """Answers scrapes of one agent's metrics."""

    def __init__(
        self, metrics: Metrics, load: Load, podman: PodmanService, store: DirectoryStore
    ) -> None:
        self._metrics = metrics
        self._load = load
        self._podman = podman
        self._store = store
        self._reachable = Look(self._podman_answers, otherwise=False)
        self._space = Look(self._store_space, otherwise=None)

    def served(self, url: str) -> AbstractAsyncContextManager[None]:
        """Serve the metrics under a URL; an empty one is nowhere.

        Raises:
            OSError: it cannot be, since something else listens there, say.
        """
        return served(url, self._answer)

    async def _answer(self, accept: str) -> tuple[bytes, str]:
        reachable, space = await asyncio.gather(self._reachable(), self._space())
        sample = Sample(podman_reachable=reachable, store=space)
        return self._metrics.render(accept, self._load, sample)

    def _podman_answers(self) -> bool:
        try:
            self._podman.release()
        except PodmanError:
            return False
        return True

    def _store_space(self) -> tuple[int, int] | None:
        try:
            return self._store.space()
        except OperationFailed:
            return None
