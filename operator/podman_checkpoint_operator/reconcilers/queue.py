"""All operations of one host: at most so many at once, one per container, the rest wait visibly.

Whoever watches resources hands each one in as often as it likes; one that is under way or finished
is left alone. An operation runs in a thread, since Podman's calls block. What cannot go on now
(Podman is down, a checkpoint is not there yet, the API server is out of reach) is tried again here,
so that a waiting operation is neither an error in the log nor lost.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from ..api.reasons import Reason
from ..decisions.failures import Interrupted, OperationFailed
from .answers import answer
from .explain import unreachable
from .explained import explained
from .journal import Journal, Step
from .observer import Ends, Load, Observer
from .operation import Operation
from .podman_port import PodmanUnreachable
from .reconciler import Reconciler
from .resource import Reporter, Resource, ResourceGone, StatusUnwritable
from .restore import WaitForCheckpoint
from .subject import about, carried_along

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

RETRY_SECONDS: Final = 5.0
DEFAULT_SECONDS: Final = 600
_REMEMBERED: Final = 10_000
_LOOKERS: Final = 2


class Operations:
    """The operations of one host."""

    def __init__(
        self,
        *,
        journal: Journal,
        reporter: Reporter,
        observer: Observer,
        boot_id: Callable[[], str],
        max_operations: int,
    ) -> None:
        self._journal = journal
        self._reporter = reporter
        self._ends = Ends(journal, observer)
        self.load = Load()
        self._boot_id = boot_id
        self._slots = asyncio.Semaphore(max_operations)
        # A lock lives as long as somebody holds it or waits for it.
        self._containers: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._checks: set[asyncio.Task[None]] = set()
        # Watch events may show a resource as it was before its last status.
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._workers = ThreadPoolExecutor(max_operations, thread_name_prefix="operation")
        self._lookers = ThreadPoolExecutor(_LOOKERS, thread_name_prefix="look")
        self._stopping = threading.Event()
        self._stop = asyncio.Event()

    def ensure(self, resource: Resource, reconciler: Reconciler) -> None:
        """Begin or continue the operation of a resource, unless it is under way or has ended."""
        uid = resource.uid
        if uid in self._tasks or self._stop.is_set():
            return
        if resource.finished:
            if uid not in self._ended:
                self._ends.finished(resource)
            self._answer(resource)
            return
        if uid in self._ended:
            return
        if self._journal.read(uid) is None:
            if resource.deleted:
                return  # it never began, and must not begin now
            if resource.suspended:
                self._answer(resource)
                return
        task = _begin(resource, self._carry_out(resource, reconciler))
        self._tasks[uid] = task
        task.add_done_callback(lambda _: self._tasks.pop(uid, None))

    def check(
        self, resource: Resource, reconciler: Reconciler, *, wanted: Callable[[], bool]
    ) -> None:
        """Abandon an operation whose resource was deleted meanwhile, or that was given up.

        For those of an earlier agent, to be called before any resource is handed in: until it is
        known, and cleaned up, nothing else is done with the same container.

        Args:
            resource: as the journal knows it.
            reconciler: of its kind.
            wanted: asks whether the resource is still there; may raise StatusUnwritable.
        """
        self._beside(resource, self._check(resource, reconciler, wanted))

    async def discard(self, resource: Resource, reconciler: Reconciler) -> None:
        """Do what a resource's deletion asks for, after its operation has ended.

        Raises:
            OperationFailed: it could not be done now.
        """
        if task := self._tasks.get(resource.uid):
            await asyncio.wait([task])
        with about(resource):
            await self._in(self._lookers, lambda: reconciler.discard(resource))

    async def between(self, container_id: str, call: Callable[[], None]) -> None:
        """Call while no operation is at work on a container."""
        async with self._lock(container_id):
            await self._in(self._lookers, call)

    async def stop(self) -> None:
        """Bring every operation to a point from which the next start goes on, and wait for that."""
        self._stop.set()
        self._stopping.set()
        if under_way := [*self._tasks.values(), *self._checks]:
            await asyncio.wait(under_way)
        self._workers.shutdown()
        self._lookers.shutdown()

    async def _carry_out(self, resource: Resource, reconciler: Reconciler) -> None:
        try:
            operation = self._operation(resource)
            with self.load.under_way(resource.kind):
                if operation.entry.step is Step.FINISHED or operation.entry.given_up:
                    await self._until_told(operation, operation.report_end)
                else:
                    await self._until_ended(operation, reconciler)
            self._remember(resource.uid)
        except Interrupted:
            logger.info("to be continued")
        except ResourceGone:
            self._ends.deleted(resource)
            logger.info("deleted before it began")

    async def _check(
        self, resource: Resource, reconciler: Reconciler, wanted: Callable[[], bool]
    ) -> None:
        operation = self._operation(resource)
        async with self._lock(operation.entry.lock or resource.uid):
            while not self._stop.is_set():
                try:
                    if operation.entry.given_up or not await self._in(self._lookers, wanted):
                        logger.info("abandoned")
                        if operation.entry.has_begun:
                            abandon = partial(explained, reconciler.abandon, operation)
                            await self._in(self._workers, abandon)
                        self._ends.deleted(resource)
                    return
                except (StatusUnwritable, PodmanUnreachable, OperationFailed) as error:
                    logger.warning("not cleaned up yet", extra={"error": str(error)})
                    if isinstance(error, OperationFailed):  # the next start tries again
                        return
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), RETRY_SECONDS)

    def _answer(self, resource: Resource) -> None:
        if status := answer(resource):
            self._beside(resource, self._say(resource, status))

    async def _say(self, resource: Resource, status: dict[str, Any]) -> None:
        try:
            await self._in(self._lookers, partial(self._reporter.status, resource, status))
        except StatusUnwritable as error:
            logger.warning("status not written", extra={"error": str(error)})

    def _beside(self, resource: Resource, course: Coroutine[Any, Any, None]) -> None:
        """Do something that is no operation, and let :meth:`stop` wait for it."""
        task = _begin(resource, course)
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    def _lock(self, key: str) -> asyncio.Lock:
        return self._containers.setdefault(key, asyncio.Lock())

    def _operation(self, resource: Resource) -> Operation:
        return Operation(
            resource,
            journal=self._journal,
            reporter=self._reporter,
            ends=self._ends,
            boot_id=self._boot_id(),
            timeout_seconds=float(resource.spec.get("timeoutSeconds", DEFAULT_SECONDS)),
            stopping=self._stopping.is_set,
        )

    async def _until_ended(self, operation: Operation, reconciler: Reconciler) -> None:
        while True:
            try:
                await self._attempt(operation, reconciler)
                return
            except OperationFailed as failure:
                await self._until_told(operation, partial(operation.fail, failure))
                return
            except PodmanUnreachable as error:
                if not await self._wait_for_podman(operation, reconciler, error):
                    return
            except WaitForCheckpoint:
                await self._pause(operation)
            except ResourceGone:
                raise
            except StatusUnwritable:
                await self._pause(operation)
                if operation.entry.step is Step.FINISHED:
                    await self._until_told(operation, operation.report_end)
                    return

    async def _attempt(self, operation: Operation, reconciler: Reconciler) -> None:
        resource = operation.resource
        key = await self._in(self._lookers, lambda: explained(reconciler.identify, resource))
        operation.claim(key)
        async with self._turn(operation, key):
            await self._in(self._workers, lambda: explained(reconciler.run, operation))

    @asynccontextmanager
    async def _turn(self, operation: Operation, key: str) -> AsyncIterator[None]:
        """Wait until nothing else works on the container and a slot is free, and say so."""
        container = self._lock(key)
        if container.locked():
            await self._tell(operation, "Waiting for another operation on the same container")
        async with container:
            if self._slots.locked():
                await self._tell(operation, "Waiting for other operations of this host")
            async with self._slots:
                if self._stop.is_set():
                    raise Interrupted(operation.resource.key)
                with self.load.working(operation.resource.kind):
                    yield

    async def _tell(self, operation: Operation, message: str) -> None:
        await self._in(self._lookers, lambda: operation.progress(Reason.QUEUED, message))

    async def _wait_for_podman(
        self, operation: Operation, reconciler: Reconciler, error: PodmanUnreachable
    ) -> bool:
        """Wait a little, or fail the operation when its time is over; return whether to go on."""
        if not operation.is_late():
            failure = unreachable(error)
            await self._in(
                self._lookers, lambda: operation.wait(Reason.WAITING_FOR_PODMAN, failure)
            )
            await self._pause(operation)
        if not operation.is_late():
            return True
        if operation.entry.has_begun:
            failure = unreachable(error, given_up=True)
            await self._until_told(operation, lambda: operation.give_up(failure))
            self.check(operation.resource, reconciler, wanted=lambda: False)
        else:
            await self._until_told(operation, lambda: operation.fail(unreachable(error)))
        return False

    async def _until_told(self, operation: Operation, report: Callable[[], None]) -> None:
        """Report the end of an operation, however long the API server is out of reach."""
        while True:
            try:
                return await self._in(self._lookers, report)
            except StatusUnwritable as error:
                logger.warning("status not written", extra={"error": str(error)})
                report = operation.report_end
                await self._pause(operation)

    async def _pause(self, operation: Operation) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), RETRY_SECONDS)
        except TimeoutError:
            operation.require_wanted()
        else:
            raise Interrupted(operation.resource.key)

    def _in(self, pool: ThreadPoolExecutor, call: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(pool, carried_along(call))

    def _remember(self, uid: str) -> None:
        self._ended[uid] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)


def _begin(resource: Resource, course: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    with about(resource):
        return asyncio.create_task(course, name=resource.key)
