"""The drain of a host, and the restore that follows it: look, decide, tell, make.

The status is written before anything that it tells of is made. So ``Drained`` is false before the
first container is restored, and an agent that is killed between the two goes on from the status.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ..api.common import ConditionStatus
from ..api.host import (
    DrainedContainer,
    DrainState,
    DrainStatus,
    HostContainers,
    HostSpec,
)
from ..api.reasons import Reason
from ..decisions.container_list import ListedContainer
from ..decisions.drain import is_over, next_status
from ..decisions.drain.condition import Condition, condition_of
from ..decisions.drain.host import (
    asks,
    conditions_of,
    drained,
    identity,
    is_current,
    is_idle,
    told,
    with_condition,
)
from ..decisions.drain.objects import Made, checkpoint_manifest, made, options_of, restore_manifest
from ..decisions.drain.shutdown import answer_of
from ..decisions.drain.view import UNRESOLVED, Key, UnknownPolicy, View, opted_in, require_known
from ..decisions.facts import Container, State
from ..decisions.failures import OperationFailed
from ..decisions.shutdown import Answer
from .drain_history import tidy
from .drain_ports import Board, Hosts, Refusal, Teller
from .explained import explained
from .offline import NoOffline, Offline
from .podman_port import NotFound, Podman, PodmanTimedOut, PodmanUnreachable
from .resource import StatusUnwritable
from .shutdown_port import Shutdowns

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 5.0
"""How often a host under way is looked at beside what is heard of its resources."""


class _Outdated(Exception):
    """The PodmanHost is another one than the decision was about."""


class Drain:
    """The drain of one host."""

    def __init__(
        self,
        hosts: Hosts,
        told_of: Teller,
        board: Board,
        podman: Podman,
        shutdowns: Shutdowns,
        offline: Offline | NoOffline,
        *,
        boot_id: Callable[[], str],
    ) -> None:
        self._hosts = hosts
        self._told = told_of
        self._board = board
        self._podman = podman
        self._shutdowns = shutdowns
        self._offline = offline
        self._boot_id = boot_id
        self._host: Mapping[str, Any] | None = None
        self._touched = False
        self._refusals: dict[Key, str] = {}

    def seen(self, body: Mapping[str, Any], *, deleted: bool) -> bool:
        """Take note of the PodmanHost as the API server has it; return whether that is news."""
        before, self._host = self._host, None if deleted else body
        self._told.seen(self._host or {})
        return asks(before) != asks(self._host)

    def touched(self) -> None:
        """Take note that something has happened to a resource that drains of the host have made."""
        self._touched = True

    def turn(self) -> float | None:
        """Do what is to be done now; return when to look again, None for not by itself."""
        host, request = self._host, self._shutdowns.requested()
        if host is None and not request:
            return None  # its resources may be heard of before itself
        if host:
            self._offline.remember(host)
        if self._offline.has(request):
            return self._offline.turn()
        touched, self._touched = self._touched, False
        idle = host and is_idle(host) and not (touched and told(host))
        if idle and not request and not self._offline.is_there():
            return None
        try:
            return explained(partial(self._step, request), touched)
        except (PodmanTimedOut, StatusUnwritable) as error:
            away = isinstance(error, StatusUnwritable)
            if away and request and self._offline.takes_over(request):
                return 0.0
            trouble = str(error)
            logger.warning("drain not looked at", extra={"error": trouble})
        except PodmanUnreachable as error:
            trouble = self._cannot_look(f"Podman does not answer: {error}")
        except OperationFailed as failure:
            known = isinstance(failure, UnknownPolicy)
            trouble = self._cannot_look(failure.message, although_drained=known)
        if request:
            self._shutdowns.answer(request, Answer(trouble=trouble))
        self._touched = self._touched or touched
        return POLL_SECONDS

    def _step(self, request: str | None, touched: bool) -> float | None:
        host = self._hosts.current()
        spec = HostSpec.model_validate(host.get("spec") or {})
        wanted = self._is_wanted(spec)
        drain, offline = told(host), self._offline.is_there()
        idle = POLL_SECONDS if spec.drain.follow_node else None
        if not (wanted or touched or offline) and is_over(drain) and is_current(host):
            return idle
        if self._offline.goes_on():
            return POLL_SECONDS
        drain = self._offline.added_to(drain)
        if wanted:
            require_known(spec.drain.policy)
        view = self._look(host, spec, drain, wanted=wanted, shutting_down=bool(request))
        after = next_status(view)
        try:
            self._tell(host, view, after)
        except _Outdated:
            return 0.0
        if offline:
            self._offline.forget()
        if after is None:
            return idle
        # Who cordons a Node and waits then must not believe a status of before: from here on it
        # says that the host is not drained, and nothing was restored yet.
        if not wanted and self._is_wanted(spec):
            return 0.0
        self._make(host, spec, view, after)
        if request:
            self._shutdowns.answer(request, answer_of(after))
        tidy(self._board, view, after, limit=spec.drain.history_limit)
        return idle if is_over(after) and not wanted else POLL_SECONDS

    def _is_wanted(self, spec: HostSpec) -> bool:
        if self._shutdowns.requested() or spec.unschedulable:
            return True
        return spec.drain.follow_node and self._board.is_cordoned()

    def _look(
        self,
        host: Mapping[str, Any],
        spec: HostSpec,
        drain: DrainStatus | None,
        *,
        wanted: bool,
        shutting_down: bool,
    ) -> View:
        checkpoints, restores = _by_key(self._board.checkpoints()), _by_key(self._board.restores())
        containers = {each.id: each for each in self._podman.containers()}
        waiting = {
            each.id
            for each in (drain.containers if drain else ())
            if each.state in UNRESOLVED and (each.namespace, each.checkpoint) not in restores
        }

        def matters(each: ListedContainer) -> bool:
            if wanted:
                return each.alive and opted_in(each, spec.drain.policy)
            return each.id in waiting and not each.alive

        return View(
            host=host["metadata"]["name"],
            boot_id=self._boot_id(),
            wanted=wanted,
            policy=spec.drain.policy,
            drain=drain,
            containers=containers,
            inspected=self._inspected(each.id for each in containers.values() if matters(each)),
            checkpoints=checkpoints,
            restores=restores,
            refusals=dict(self._refusals),
            shutting_down=shutting_down,
            now=datetime.now(UTC).replace(microsecond=0),
        )

    def _inspected(self, ids: Any) -> dict[str, Container]:
        found = {}
        for container_id in ids:
            try:
                found[container_id] = self._podman.inspect(container_id)
            except NotFound:
                continue
        return found

    def _tell(self, host: Mapping[str, Any], view: View, after: DrainStatus | None) -> None:
        condition = condition_of(view, after)
        running = sum(each.state is State.RUNNING for each in view.containers.values())

        def change(fresh: Mapping[str, Any]) -> Mapping[str, Any] | None:
            if identity(fresh) != identity(host):
                raise _Outdated
            changed = with_condition(fresh, condition)
            same = changed == conditions_of(fresh)
            if after is None:
                return None if same or drained(fresh) is None else {"conditions": changed}
            if same and after == told(fresh):
                return None
            return {
                "drain": {"undrainTime": None, **after.dump()},
                "conditions": changed,
                "containers": HostContainers(running=running).dump(),
            }

        self._told.tell(change)

    def _make(
        self, host: Mapping[str, Any], spec: HostSpec, view: View, after: DrainStatus
    ) -> None:
        seconds = spec.drain.timeout_seconds
        for record in after.containers:
            container = view.containers.get(record.id)
            options = options_of(container.labels if container else {})
            saves = view.wanted or record.state is DrainState.CHECKPOINTING
            if saves and self._lacks(view.checkpoints, record, record.checkpoint):
                manifest = checkpoint_manifest(
                    record, host, timeout_seconds=seconds, options=options
                )
                self._made(record, manifest)
            elif not view.wanted and self._lacks(view.restores, record, record.restore):
                manifest = restore_manifest(record, host, timeout_seconds=seconds, options=options)
                self._made(record, manifest)

    def _lacks(self, there: Mapping[Key, Made], record: DrainedContainer, name: str | None) -> bool:
        key = (record.namespace, name)
        begun = record.state in (DrainState.CHECKPOINTING, DrainState.RESTORING)
        return name is not None and key not in there and (begun or key in self._refusals)

    def _made(self, record: DrainedContainer, manifest: Mapping[str, Any]) -> None:
        key = (record.namespace, manifest["metadata"]["name"])
        try:
            self._board.make(manifest)
            self._refusals.pop(key, None)
        except Refusal as refusal:
            self._refusals[key] = str(refusal)

    def _cannot_look(self, message: str, *, although_drained: bool = False) -> str:
        """Say that a drain cannot go on; what is safe already stays so."""
        logger.warning("drain cannot go on", extra={"error": message})
        condition = Condition(ConditionStatus.FALSE, Reason.CANNOT_DRAIN, message)

        def change(fresh: Mapping[str, Any]) -> Mapping[str, Any] | None:
            before = drained(fresh)
            if before and before["status"] == ConditionStatus.TRUE and not although_drained:
                return None
            changed = with_condition(fresh, condition)
            return None if changed == conditions_of(fresh) else {"conditions": changed}

        try:
            self._told.tell(change)
        except StatusUnwritable as error:
            logger.warning("drain not reported", extra={"error": str(error)})
        return message


def _by_key(resources: list[Mapping[str, Any]]) -> dict[Key, Made]:
    return {
        (each["metadata"]["namespace"], each["metadata"]["name"]): made(each) for each in resources
    }
