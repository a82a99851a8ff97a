"""The ghost limit corrected from CRIU's log, for files that the look before the dump cannot see.

A file that is deleted between look and dump cannot be had on purpose; CRIU's answer to it can.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import Mock, create_autospec

import pytest

from podman_checkpoint_operator.api.checkpoint import CheckpointSpec
from podman_checkpoint_operator.api.names import CHECKPOINTS
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import Container
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.ghost import Held, Need
from podman_checkpoint_operator.reconcilers.archive_port import Archives
from podman_checkpoint_operator.reconcilers.dump import Dumper, Tools
from podman_checkpoint_operator.reconcilers.held_units import HeldUnits
from podman_checkpoint_operator.reconcilers.journal import Step
from podman_checkpoint_operator.reconcilers.machine_port import Machine
from podman_checkpoint_operator.reconcilers.operation import Operation
from podman_checkpoint_operator.reconcilers.podman_port import CheckpointOptions, PodmanError
from podman_checkpoint_operator.reconcilers.resource import Resource
from podman_checkpoint_operator.reconcilers.restart_policy import RestartPolicies
from tests.unit.reconcilers.fakes import MemoryJournal, RecordingReporter
from tests.unit.reconcilers.fakes import operation as operation_of
from tests.unit.samples import CONTAINER

DEFAULT = 1 << 20
PATH = "/var/opt/mssql/.system/profiles/Temp/1234"


class Limits:
    """CRIU's configuration file."""

    def __init__(self) -> None:
        self.limit = DEFAULT

    def hold(self, container: Container, need: Need) -> AbstractContextManager[Held]:
        self.limit = max(self.limit, need.limit_bytes or 0)
        return nullcontext(Held(limit_bytes=self.limit, config_file="/etc/criu/runc.conf"))


class Dumping:
    """Podman and CRIU, before a container with ghost files of these sizes."""

    def __init__(self, limits: Limits, sizes: list[int]) -> None:
        self._limits = limits
        self._sizes = sizes
        self.log = b""

    def checkpoint(
        self, container_id: str, options: CheckpointOptions, *, timeout: float
    ) -> dict[str, int]:
        if options.pre_checkpoint:
            return {"pages_written": 900}
        for size in self._sizes:
            if size > self._limits.limit:
                self.log = (
                    f"(00.1) Error (criu/files-reg.c:1031): Can't dump ghost file {PATH} of"
                    f" {size} size, increase limit\n"
                ).encode()
                raise PodmanError("CRIU checkpoint failed: exit status 1")
        return {"frozen_time": 7}

    def read_log(self, *_: Any) -> bytes:
        return self.log

    def write_dumps(self, container_id: str) -> None:
        raise AssertionError("needed for archives only")


def dumper(sizes: list[int], **spec: Any) -> tuple[Dumper, Operation, RecordingReporter]:
    limits = Limits()
    podman = Dumping(limits, sizes)
    machine = create_autospec(Machine, instance=True)
    machine.read_log.side_effect = podman.read_log
    machine.dump_statistics.return_value = {}
    reporter = RecordingReporter()
    fields = {"nodeName": "host-a", "containerRef": {"name": "db"}, **spec}
    of = Resource(CHECKPOINTS.kind, "default", "saved", "uid", 1, fields)
    operation = operation_of(of, MemoryJournal(), reporter)
    archives = create_autospec(Archives, instance=True)
    wanted = CheckpointSpec.model_validate(fields)
    policies = create_autospec(RestartPolicies, instance=True)
    policies.units = create_autospec(HeldUnits, instance=True)
    policies.units.hold.return_value = policies.suspend.return_value = False
    tools = Tools(podman, machine, archives, limits, policies, Mock())  # type: ignore[arg-type]
    made = Dumper(tools, operation, wanted)
    return made, operation, reporter


def test_a_file_that_nobody_saw_costs_one_more_attempt_each() -> None:
    sizes = [20975616, 300 << 20]
    dumping, operation, reporter = dumper(sizes)

    dumping.dump_and_stop(CONTAINER)

    report = operation.status["ghostLimit"]
    assert report["predictedBytes"] == 0
    assert [attempt["sizeBytes"] for attempt in report["attempts"]] == sizes
    limits = [attempt["limitBytes"] for attempt in report["attempts"]]
    assert limits == [DEFAULT, 64 << 20]
    assert {attempt["path"] for attempt in report["attempts"]} == {PATH}
    assert report["limitBytes"] >= sizes[-1]
    assert [event[1] for event in reporter.events] == ["GhostLimitRaised", "GhostLimitRaised"]
    assert operation.status["statistics"] == {"frozenMicroseconds": 7}


@pytest.mark.parametrize(
    "ghost_limit",
    [{"max": "20M"}, {"policy": "Fixed", "limit": "20M"}, {"policy": "Disabled"}],
    ids=str,
)
def test_what_is_not_allowed_is_not_tried_again(ghost_limit: dict[str, str]) -> None:
    dumping, operation, reporter = dumper([20975616], ghostLimit=ghost_limit)

    with pytest.raises(OperationFailed) as failure:
        dumping.dump_and_stop(CONTAINER)

    assert failure.value.cause is Cause.GHOST_FILE_TOO_LARGE
    assert PATH in failure.value.evidence
    assert len(operation.status["ghostLimit"]["attempts"]) == 1
    assert not reporter.events


def test_memory_is_copied_anew_before_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused dump may have restarted the tracking of memory that it did not save."""
    asked: list[CheckpointOptions] = []
    plain = Dumping.checkpoint

    def recorded(
        self: Dumping, container_id: str, options: CheckpointOptions, *, timeout: float
    ) -> dict[str, int]:
        asked.append(options)
        statistics = plain(self, container_id, options, timeout=timeout)
        return {**statistics, "pages_skipped_parent": 850}

    monkeypatch.setattr(Dumping, "checkpoint", recorded)
    dumping, operation, _ = dumper([20975616], preCopy=True)

    dumping.dump_and_stop(CONTAINER)

    kinds = [(each.pre_checkpoint, each.with_previous, each.leave_running) for each in asked]
    assert kinds == [(True, False, True), (False, True, False)] * 2
    assert operation.status["statistics"] == {"frozenMicroseconds": 7, "pagesPreCopied": 850}
    assert operation.entry.step is Step.CHECKPOINTED
