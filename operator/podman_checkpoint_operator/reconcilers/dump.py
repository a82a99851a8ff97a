"""The dump itself: CRIU's images in the container's bundle, or why CRIU refused.

A container that stops needs no freezing: nothing runs once CRIU has it. One that goes on is held
still from before the dump until its files are captured; see :mod:`..host.freezer`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..api.checkpoint import CheckpointSpec
from ..api.conditions import timestamp
from ..api.reasons import Cause, Reason
from ..api.remedies import MORE_TIME
from ..criu import log as criu_log
from ..criu.log import Phase
from ..decisions import ghost
from ..decisions.facts import Container, OpenFile, State
from ..decisions.failures import OperationFailed
from ..decisions.recovery import began, is_of, was_saved_as
from . import shared_network
from .archive_port import Archives, Contents
from .contents import origin_of
from .explain import explain
from .journal import Step
from .machine_port import GhostLimits, Machine
from .operation import Operation
from .podman_port import (
    CheckpointOptions,
    Podman,
    PodmanError,
    PodmanTimedOut,
    PodmanUnreachable,
)
from .restart_policy import RestartPolicies
from .running import settled

Statistics = dict[str, int]
"""CRIU's names and numbers: times in microseconds, and pages."""


@dataclass(frozen=True)
class Tools:
    """The ports that a checkpoint needs."""

    podman: Podman
    machine: Machine
    archives: Archives
    limits: GhostLimits
    policies: RestartPolicies
    label_required: Callable[[], bool]
    """Whether the host lets nobody touch containers without the label of a namespace; may raise
    StatusUnwritable."""


class Dumper:
    """Dumps the container of one operation, and notes in its status how it went."""

    def __init__(self, tools: Tools, operation: Operation, spec: CheckpointSpec) -> None:
        self._podman = tools.podman
        self._machine = tools.machine
        self._archives = tools.archives
        self._limits = tools.limits
        self._policies = tools.policies
        self._operation = operation
        self._spec = spec
        self.predicted: Sequence[OpenFile] = ()
        """Ghost files seen while looking at the container."""

    def dump_live(self, container: Container, contents: Contents) -> None:
        """Dump a container that goes on, and capture its files in the same frozen moment."""
        self._podman.write_dumps(container.id)
        cgroup = self._machine.cgroup(container)
        stage = self._machine.stage(self._operation.entry.uid)

        def window() -> Statistics:
            self._pre_copy(container)
            self._begin(Step.FREEZING, container, cgroup=str(cgroup))
            with self._machine.frozen(cgroup, seconds=self._operation.remaining()) as pause:
                statistics = self._checkpoint(container, leave_running=True)
                self._archives.capture(contents, stage)
            statistics["paused"] = round(pause.seconds * 1e6)
            return statistics

        self._with_ghost_limit(container, window)
        self._operation.record(Step.CAPTURED)

    def dump_and_stop(self, container: Container) -> None:
        """Dump a container that stops; its state stays in the bundle, durable."""
        if self._spec.archive is not None:
            self._podman.write_dumps(container.id)

        def dump() -> Statistics:
            self._pre_copy(container)
            self._begin(Step.CHECKPOINTING, container)
            self._note_origin(container)
            self._suspend_starts(container)
            return self._checkpoint(container, leave_running=False)

        self._with_ghost_limit(container, dump)
        self.keep(container)

    def finds_it_done(self, container: Container) -> bool:
        """Take up what another resource of the same name, deleted since, has saved.

        Somebody may delete what a drain has made while the container is stopped for it. A drain
        calls its checkpoint by the run of the container, so that no other state has that name.
        """
        resource = self._operation.resource
        stored = self._machine.stored_checkpoint(container.bundle) if resource.by_drain else None
        if stored is None or not was_saved_as(resource.namespace, resource.name, stored, container):
            return False
        # A restore looks whether the state was taken in the time of its checkpoint.
        self._operation.status["startTime"] = timestamp(stored.taken_at)
        self.keep(container)
        return True

    def keep(self, container: Container) -> None:
        """Make the state of a container that has stopped durable."""
        stored = self._machine.stored_checkpoint(container.bundle)
        if stored is not None and not stored.connections:
            # CRIU has locked it for connections, and others may be in it.
            shared_network.reopen(self._podman, self._machine, container.network_of)
        # CRIU does not sync what it writes, and the user is about to reboot the host.
        self._machine.sync([container.bundle, *container.mount_sources])
        self._operation.record(Step.CHECKPOINTED)

    def _note_origin(self, container: Container) -> None:
        """Before the dump: the host may be another one, as it were, after a boot."""
        operation, features = self._operation, self._machine.known_host().cpu_features
        origin = origin_of(self._spec, operation.resource, operation.status, features)
        # A state of another run, taken by hand, is not what this note is about.
        origin["startedAt"] = container.started_at.isoformat()
        self._machine.note_origin(container.bundle, origin)

    def _suspend_starts(self, container: Container) -> None:
        """Not before the dumps for an archive are written: they hold the policy."""
        if self._policies.units.hold(container):
            self._operation.event(
                "Normal",
                "UnitHeld",
                f"{container.unit} does not start until it restores container {container.name}",
            )
        if self._policies.suspend(container):
            self._operation.event(
                "Normal",
                "RestartPolicySuspended",
                f"The restart policy {container.restart_policy.name} of container {container.name}"
                " is suspended until it runs again",
            )

    def _pre_copy(self, container: Container) -> None:
        """Copy the memory while the container goes on, if that is asked for.

        Before each attempt: a dump that was refused may have restarted the tracking of memory that
        it did not save.
        """
        if self._spec.pre_copy:
            self._begin(Step.PRE_COPYING, container)
            options = CheckpointOptions(
                pre_checkpoint=True,
                leave_running=True,
                tcp_established=self._spec.tcp_established,
                file_locks=self._spec.file_locks,
                ignore_root_fs=container.auto_remove,
                export=container.auto_remove,
            )
            self._podman.checkpoint(container.id, options, timeout=self._operation.remaining())

    def _begin(self, step: Step, container: Container, **data: Any) -> None:
        self._operation.pause_point()
        self._operation.progress(Reason.CHECKPOINTING, "Dumping the container's processes")
        self._operation.record(
            step, dumpBeganAt=time.time(), startedAt=container.started_at.isoformat(), **data
        )

    def _checkpoint(self, container: Container, *, leave_running: bool) -> Statistics:
        options = CheckpointOptions(
            leave_running=leave_running,
            tcp_established=self._spec.tcp_established,
            file_locks=self._spec.file_locks,
            with_previous=self._spec.pre_copy,
            # Of an export that nobody reads, the less the better.
            ignore_root_fs=self._spec.ignore_root_fs or container.auto_remove,
            export=container.auto_remove,
        )
        statistics = self._podman.checkpoint(
            container.id, options, timeout=self._operation.remaining()
        )
        statistics = {**self._machine.dump_statistics(container.bundle), **statistics}
        if not self._spec.pre_copy:
            statistics.pop("pages_skipped_parent", None)
        return statistics

    def _with_ghost_limit(self, container: Container, dump: Callable[[], Statistics]) -> None:
        """Dump under a sufficient ghost limit, raised as often as CRIU asks for more."""
        spec = self._spec.ghost_limit
        need = ghost.need(spec, self.predicted)
        predicted = need.predicted_bytes
        report: dict[str, Any] = {"predictedBytes": predicted, "attempts": []}
        refusals: list[ghost.Refusal] = []
        self._operation.status["ghostLimit"] = report
        while True:
            with self._limits.hold(container, need) as held:
                ghost.check(spec, self.predicted, held.limit_bytes)
                report["limitBytes"] = held.limit_bytes
                if held.config_file:
                    report["configFile"] = held.config_file
                statistics = self._attempt(container, dump, held.limit_bytes, refusals)
            if statistics is not None:
                self._operation.status["statistics"] = _reported(statistics)
                return
            report["attempts"] = [_attempt(refusal) for refusal in refusals]
            need = ghost.after_refusal(spec, refusals, predicted_bytes=predicted)
            self._operation.event(
                "Normal",
                "GhostLimitRaised",
                f"{refusals[-1].path} has {refusals[-1].size_bytes} bytes; the ghost limit becomes"
                f" {need.limit_bytes}",
            )

    def _attempt(
        self,
        container: Container,
        dump: Callable[[], Statistics],
        limit_bytes: int,
        refusals: list[ghost.Refusal],
    ) -> Statistics | None:
        """Dump once; return None when CRIU refused a ghost file, which is added to the refusals."""
        try:
            return dump()
        except PodmanTimedOut as error:
            return self._settle(container, error)
        except PodmanUnreachable:
            raise
        except PodmanError as error:
            log = self._machine.read_log(container.bundle, "dump.log")
            refused = criu_log.parse(log).ghost_refusal if log else None
            if refused is None:
                raise explain(error, log, Phase.DUMP, container.bundle) from error
            refusals.append(
                ghost.Refusal(
                    path=refused.path, size_bytes=refused.size_bytes, limit_bytes=limit_bytes
                )
            )
            return None

    def _settle(self, container: Container, error: PodmanTimedOut) -> Statistics:
        """See what became of a dump whose answer did not come: Podman does not stop it.

        A container that was to stop, and has done so with its state complete, is a success that
        came late.
        """
        failure = OperationFailed(
            Cause.TIMED_OUT,
            f"the dump did not end within timeoutSeconds: {error}",
            MORE_TIME,
        )
        now = settled(self._podman, container, error, failure)
        stored = self._machine.stored_checkpoint(container.bundle)
        late = self._operation.entry.data["dumpBeganAt"]
        if now.state is State.RUNNING or stored is None or not is_of(stored, began(late)):
            raise failure from error
        return {}


def _reported(statistics: Statistics) -> dict[str, int]:
    """``status.statistics``: times in microseconds, as CRIU gives them, and pages."""
    return {
        name: statistics[key]
        for key, name in (
            ("frozen_time", "frozenMicroseconds"),
            ("memdump_time", "memdumpMicroseconds"),
            ("memwrite_time", "memwriteMicroseconds"),
            ("pages_scanned", "pagesScanned"),
            ("pages_written", "pagesWritten"),
            ("pages_skipped_parent", "pagesPreCopied"),
            ("paused", "pausedMicroseconds"),
        )
        if key in statistics
    }


def _attempt(refusal: ghost.Refusal) -> dict[str, Any]:
    """An entry of ``status.ghostLimit.attempts``."""
    return {
        "path": refusal.path,
        "sizeBytes": refusal.size_bytes,
        "limitBytes": refusal.limit_bytes,
    }
