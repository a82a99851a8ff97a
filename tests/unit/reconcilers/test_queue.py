"""Operations of one host: how many at once, one per container, each once, none forgotten.

Not here: what an operation does; real reconcilers are tested on the lab.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.api.checkpoint import CheckpointSpec
from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason
from podman_checkpoint_operator.decisions.failures import Interrupted, OperationFailed
from podman_checkpoint_operator.decisions.preflight import warned
from podman_checkpoint_operator.reconcilers import queue
from podman_checkpoint_operator.reconcilers.journal import Entry, Step
from podman_checkpoint_operator.reconcilers.operation import Operation
from podman_checkpoint_operator.reconcilers.podman_port import (
    NotFound,
    PodmanError,
    PodmanTimedOut,
    PodmanUnreachable,
)
from podman_checkpoint_operator.reconcilers.queue import Operations
from podman_checkpoint_operator.reconcilers.resource import Resource, ResourceGone, StatusUnwritable
from podman_checkpoint_operator.reconcilers.restore import WaitForCheckpoint
from podman_checkpoint_operator.reconcilers.subject import subject
from tests.unit.reconcilers.fakes import (
    MemoryJournal,
    RecordingObserver,
    RecordingReporter,
    resource,
)

SECONDS = 30


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.001)


class Script:
    """A reconciler whose operations do what a test says; it is keyed by ``spec.container``."""

    def __init__(self, act: Callable[[Operation], None] | None = None) -> None:
        self.act = act or (lambda _: None)
        self.refusals: list[Exception] = []
        """Raised by the next calls to abandon."""
        self._lock = threading.Lock()
        self.runs: Counter[str] = Counter()
        self.discarded: list[str] = []
        self.abandoned: list[str] = []
        self.busy: Counter[str] = Counter()
        self.most_at_once = 0
        self.most_per_container = 0

    def identify(self, of: Resource) -> str:
        time.sleep(of.spec.get("identifySeconds", 0))
        return str(of.spec.get("container", of.uid))

    def run(self, operation: Operation) -> None:
        key = str(operation.resource.spec.get("container", operation.resource.uid))
        with self._lock:
            self.runs[operation.resource.uid] += 1
            self.busy[key] += 1
            self.most_at_once = max(self.most_at_once, self.busy.total())
            self.most_per_container = max(self.most_per_container, self.busy[key])
        try:
            self.act(operation)
        finally:
            with self._lock:
                self.busy[key] -= 1
        operation.succeed(Reason.CHECKPOINTED, "done")

    def abandon(self, operation: Operation) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.abandoned.append(operation.resource.uid)

    def discard(self, of: Resource) -> None:
        self.discarded.append(of.uid)


class Raising(Script):
    """Raises what it is given, one at a time, and succeeds when nothing is left."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        super().__init__(self._raise)

    def _raise(self, _: Operation) -> None:
        if self.errors:
            raise self.errors.pop(0)


class Host:
    """An agent's operations, with the journal and API server they report to."""

    def __init__(self, reporter: RecordingReporter, journal: MemoryJournal, most: int) -> None:
        self.reporter = reporter
        self.journal = journal
        self.observer = RecordingObserver()
        self.operations = Operations(
            journal=journal,
            reporter=reporter,
            observer=self.observer,
            boot_id=lambda: "boot-1",
            max_operations=most,
        )

    async def reported(self, uid: str, reason: str) -> None:
        await asyncio.to_thread(self.reporter.wait_for, uid, reason, seconds=SECONDS)

    async def idle(self) -> None:
        operations = [task for task in asyncio.all_tasks() if "default/" in task.get_name()]
        await asyncio.gather(*operations)


def on_host(
    script: Callable[[Host], Any],
    *,
    reporter: RecordingReporter | None = None,
    journal: MemoryJournal | None = None,
    most: int = 2,
) -> Host:
    """Run a test's coroutine with a host, and stop it afterwards."""

    async def body() -> Host:
        host = Host(reporter or RecordingReporter(), journal or MemoryJournal(), most)
        try:
            await asyncio.wait_for(script(host), SECONDS)
        finally:
            await host.operations.stop()
        return host

    return asyncio.run(body())


def carry_out(script: Script, of: Resource, **host: Any) -> Host:
    """Hand in one resource, and wait for the end of its operation."""

    async def body(on: Host) -> None:
        on.operations.ensure(of, script)
        await on.idle()

    return on_host(body, **host)


@settings(max_examples=25)
@given(
    containers=st.lists(st.sampled_from("abc"), min_size=1, max_size=9),
    most=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_never_two_on_one_container_never_too_many_and_each_once(
    containers: list[str], most: int, seed: int
) -> None:
    chance = random.Random(seed)
    script = Script(lambda _: time.sleep(chance.random() / 500))

    async def body(host: Host) -> None:
        for number, container in enumerate(containers):
            of = resource(
                f"uid-{number}", container=container, identifySeconds=chance.random() / 500
            )
            for _ in range(chance.randint(1, 3)):  # watches bring an object as often as they like
                host.operations.ensure(of, script)
            await asyncio.sleep(chance.random() / 500)
        await host.idle()

    host = on_host(body, most=most)
    assert script.most_per_container == 1
    assert script.most_at_once <= most
    assert script.runs == {f"uid-{number}": 1 for number in range(len(containers))}
    assert all(host.reporter.ready(uid) == Reason.CHECKPOINTED for uid in script.runs)
    assert len(host.observer.ends) == len(containers)
    assert not any(host.operations.load.waiting.values())
    assert not any(host.operations.load.at_work.values())


def test_a_resource_that_is_being_deleted_does_not_begin() -> None:
    script = Script()
    host = carry_out(script, replace(resource("uid-1"), deleted=True))
    assert not script.runs
    assert not host.reporter.reasons("uid-1")


def test_a_resource_that_is_being_deleted_goes_on_where_it_had_begun() -> None:
    script, journal = Script(), MemoryJournal()
    journal.write(Entry("uid-1", "default", "uid-1", step=Step.CAPTURED))
    carry_out(script, replace(resource("uid-1"), deleted=True), journal=journal)
    assert script.runs == {"uid-1": 1}


def test_a_latecomer_waits_also_when_the_container_was_handed_over_meanwhile() -> None:
    gates = {uid: threading.Event() for uid in ("first", "second", "third")}
    script = Script(lambda operation: assert_opened(gates[operation.resource.uid]))

    async def body(host: Host) -> None:
        host.operations.ensure(resource("first", container="db"), script)
        await until(lambda: script.runs["first"] == 1)
        host.operations.ensure(resource("second", container="db"), script)
        await host.reported("second", Reason.QUEUED)
        gates["first"].set()
        await until(lambda: script.runs["second"] == 1)
        host.operations.ensure(resource("third", container="db"), script)
        await until(lambda: script.runs["third"] or host.reporter.reasons("third"))
        assert not script.runs["third"]
        gates["second"].set()
        gates["third"].set()
        await host.idle()

    on_host(body, most=3)
    assert script.most_per_container == 1


def assert_opened(gate: threading.Event) -> None:
    assert gate.wait(SECONDS)


async def until(condition: Callable[[], object]) -> None:
    def poll() -> None:
        while not condition():
            time.sleep(0.001)

    await asyncio.to_thread(poll)


def test_those_that_wait_for_a_slot_say_so() -> None:
    gate = threading.Event()
    script = Script(lambda _: assert_opened(gate))

    async def body(host: Host) -> None:
        host.operations.ensure(resource("first"), script)
        await until(lambda: script.runs["first"] == 1)
        host.operations.ensure(resource("second"), script)
        await host.reported("second", Reason.QUEUED)
        gate.set()
        await host.idle()

    host = on_host(body, most=1)
    messages = [
        condition["message"]
        for status in host.reporter.statuses["second"]
        for condition in status["conditions"]
        if condition["reason"] == Reason.QUEUED
    ]
    assert messages[0] == "Waiting for other operations of this host"


def test_what_has_ended_is_not_begun_again_by_an_old_watch_event() -> None:
    script = Script()

    async def body(host: Host) -> None:
        of = resource()
        host.operations.ensure(of, script)
        await host.idle()
        host.operations.ensure(of, script)  # as it was before its last status
        await host.idle()

    on_host(body)
    assert script.runs == {"uid-1": 1}


def test_a_finished_resource_is_left_alone() -> None:
    of = finished()
    later = Script()
    host = carry_out(later, of)
    assert of.finished
    assert not later.runs
    assert host.observer.known == [of.kind]
    assert not host.observer.ends


def finished() -> Resource:
    """A resource whose operation an earlier agent has brought to its end."""
    status = carry_out(Script(), resource()).reporter.statuses["uid-1"][-1]
    return Resource("ContainerCheckpoint", "default", "name", "uid-1", 1, {}, status)


def test_a_change_after_the_end_is_acknowledged() -> None:
    """Whoever waits for ``observedGeneration``, as kstatus does, would wait for ever."""
    ended = finished()
    changed = replace(
        ended, generation=2, status={**ended.status, "diagnosis": {"cause": "Rootless"}}
    )

    host = carry_out(Script(), changed)

    (status,) = host.reporter.statuses[changed.uid]
    assert status["observedGeneration"] == 2
    assert {each["observedGeneration"] for each in status["conditions"]} == {2}
    assert status["diagnosis"] == {"cause": "Rootless"}


def test_what_is_suspended_does_not_begin_and_says_so_once() -> None:
    script = Script()
    held = resource(suspend=True)

    async def body(host: Host) -> None:
        host.operations.ensure(held, script)
        await host.reported(held.uid, "Suspended")
        told = replace(held, status=host.reporter.statuses[held.uid][-1])
        host.operations.ensure(told, script)
        await host.idle()
        assert len(host.reporter.statuses[held.uid]) == 1
        assert not script.runs

        resumed = replace(told, generation=2, spec={**held.spec, "suspend": False})
        host.operations.ensure(resumed, script)
        await host.reported(held.uid, "Checkpointed")

    host = on_host(body)

    assert script.runs[held.uid] == 1
    assert host.reporter.statuses[held.uid][-1]["observedGeneration"] == 2


def test_what_has_begun_goes_on_when_it_is_suspended() -> None:
    script = Script()
    of = resource()
    begun = Entry(of.uid, of.namespace, of.name, of.kind, dict(of.spec), step=Step.CHECKPOINTING)
    journal = MemoryJournal()
    journal.write(begun)

    carry_out(script, replace(of, spec={**of.spec, "suspend": True}), journal=journal)

    assert script.runs[of.uid] == 1


def test_all_that_is_logged_in_the_course_of_an_operation_tells_its_resource(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = []

    class Listener(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            told.append((record.getMessage(), subject()))
            return True

    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(Listener())
    of = resource()
    carry_out(Script(lambda _: logging.info("at work")), of)
    assert told == [("at work", of), ("step", of), ("succeeded", of)]


def test_a_milestone_is_an_event_once() -> None:
    def act(operation: Operation) -> None:
        operation.reached(ConditionType.CHECKPOINTED, Reason.CHECKPOINTED, "saved")
        operation.record(Step.STORED)

    def stop(operation: Operation) -> None:
        act(operation)
        raise Interrupted("an agent that ends")

    journal = MemoryJournal()
    first = carry_out(Script(stop), resource(), journal=journal)
    second = carry_out(Script(act), resource(), journal=journal)
    assert first.reporter.events == [("Normal", "Checkpointed", "saved")]
    assert not second.reporter.events


def test_a_success_that_no_milestone_has_told_is_an_event() -> None:
    class Adopting(Script):
        def run(self, operation: Operation) -> None:
            operation.succeed(Reason.ADOPTED, "was running already")

    host = carry_out(Adopting(), resource())
    assert host.reporter.events == [("Normal", "Adopted", "was running already")]


def test_a_warning_of_preflight_is_an_event_once() -> None:
    check = warned("CPU", "another one", "Look")
    script = Raising(PodmanUnreachable("no socket"))
    script_run = script.run

    def run(operation: Operation) -> None:
        operation.check([check])
        script_run(operation)

    script.run = run  # type: ignore[method-assign]
    host = carry_out(script, resource())
    assert [event[1] for event in host.reporter.events].count("CPU") == 1


def test_a_failure_is_explained_once() -> None:
    failure = OperationFailed(Cause.NO_SPACE, "no room", "Free some")
    host = carry_out(Raising(failure), resource())
    status = host.reporter.statuses["uid-1"][-1]
    assert status["diagnosis"] == {"cause": "NoSpace", "evidence": "no room", "remedy": "Free some"}
    assert host.reporter.events == [("Warning", "NoSpace", "no room. Free some.")]
    assert host.observer.ends == [("ContainerCheckpoint", "NoSpace")]
    assert not host.journal.kept


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (PodmanError("something else"), Cause.UNKNOWN),
        (NotFound("no such container", status=404), Cause.CONTAINER_NOT_FOUND),
        (OSError(28, "No space left on device", "x"), Cause.NO_SPACE),
        (ZeroDivisionError("division by zero"), Cause.UNKNOWN),
    ],
)
def test_whatever_goes_wrong_ends_as_an_explained_failure(
    error: Exception, cause: Cause, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    host = carry_out(Raising(error), resource())
    diagnosis = host.reporter.statuses["uid-1"][-1]["diagnosis"]
    assert diagnosis["cause"] == cause
    assert diagnosis["remedy"]


def test_an_invalid_spec_names_the_field() -> None:
    class Validating(Script):
        def identify(self, of: Resource) -> str:
            return CheckpointSpec.model_validate(of.spec).node_name

    host = carry_out(Validating(), resource(containerRef={"name": "db"}, colour="blue"))
    diagnosis = host.reporter.statuses["uid-1"][-1]["diagnosis"]
    assert diagnosis["cause"] == Cause.INVALID_SPEC
    assert diagnosis["evidence"].startswith("colour:")


def test_podman_may_come_back_and_meanwhile_users_know_what_to_do() -> None:
    script = Raising(PodmanUnreachable("no socket"), PodmanUnreachable("no socket"))
    host = carry_out(script, resource())
    assert script.runs["uid-1"] == 3
    assert Reason.WAITING_FOR_PODMAN in host.reporter.reasons("uid-1")
    assert [event[:2] for event in host.reporter.events] == [
        ("Warning", "PodmanUnreachable"),
        ("Normal", "Checkpointed"),
    ]
    waiting = host.reporter.statuses["uid-1"][0]
    assert "podman.socket" in waiting["diagnosis"]["remedy"]
    assert "diagnosis" not in host.reporter.statuses["uid-1"][-1]


def test_podman_that_is_slow_is_asked_again() -> None:
    script = Raising(PodmanTimedOut("not in time"))
    host = carry_out(script, resource())
    assert host.reporter.ready("uid-1") == Reason.CHECKPOINTED
    assert "podman ps" in host.reporter.statuses["uid-1"][0]["diagnosis"]["remedy"]


def test_podman_that_stays_away_is_a_failure_when_the_time_is_over() -> None:
    script = Raising(*[PodmanUnreachable("no socket")] * 3)
    host = carry_out(script, resource(timeoutSeconds=0))
    assert host.reporter.ready("uid-1") == Cause.PODMAN_UNREACHABLE


def given_up(script: Script, **host: Any) -> Host:
    """Let Podman stay away for too long after an operation has begun."""

    def begin_and_lose(operation: Operation) -> None:
        operation.record(Step.FREEZING)
        raise PodmanUnreachable("no socket")

    script.act = begin_and_lose

    async def body(on: Host) -> None:
        on.operations.ensure(resource(timeoutSeconds=0), script)
        await on.reported("uid-1", Cause.PODMAN_UNREACHABLE)
        await on.idle()
        await on.idle()

    return on_host(body, **host)


def test_what_podman_kept_from_being_cleaned_up_is_so_when_it_is_back() -> None:
    script, journal = Script(), MemoryJournal()
    script.refusals = [PodmanUnreachable("no socket")] * 2
    host = given_up(script, journal=journal)
    assert host.reporter.ready("uid-1") == Cause.PODMAN_UNREACHABLE
    assert "cleans up" in host.reporter.statuses["uid-1"][-1]["diagnosis"]["remedy"]
    assert not script.refusals
    assert script.abandoned == ["uid-1"]
    assert not journal.kept
    assert host.observer.ends == [("ContainerCheckpoint", Cause.PODMAN_UNREACHABLE)]


def test_what_podman_kept_from_being_cleaned_up_is_so_by_the_next_agent() -> None:
    script, journal = Script(), MemoryJournal()
    script.refusals = [OperationFailed(Cause.NO_SPACE, "full")]
    given_up(script, journal=journal)
    assert journal.kept["uid-1"].given_up

    again = Script()
    status = {"conditions": [{"type": "Stalled", "status": "True"}]}
    told = replace(resource(timeoutSeconds=0), status=status)

    async def body(on: Host) -> None:
        on.operations.ensure(told, again)
        on.operations.check(told, again, wanted=lambda: True)
        on.operations.ensure(told, again)
        await on.idle()

    host = on_host(body, journal=journal)
    assert again.abandoned == ["uid-1"]
    assert not again.runs
    assert not journal.kept
    assert not host.observer.ends  # the agent that told of it has counted it


def test_a_failure_that_could_not_be_told_before_is_not_carried_out_again() -> None:
    script, journal = Script(), MemoryJournal()
    script.refusals = [OperationFailed(Cause.NO_SPACE, "full")]
    given_up(script, journal=journal)
    again = Script()
    host = carry_out(again, resource(), journal=journal)
    assert not again.runs
    assert host.reporter.ready("uid-1") == Cause.PODMAN_UNREACHABLE
    assert journal.kept["uid-1"].step is Step.FREEZING


def test_a_checkpoint_that_is_not_there_yet_is_looked_for_again() -> None:
    script = Raising(WaitForCheckpoint("not yet"), WaitForCheckpoint("not yet"))
    host = carry_out(script, resource())
    assert host.reporter.ready("uid-1") == Reason.CHECKPOINTED


def test_an_end_that_cannot_be_told_is_told_later_and_nothing_done_again() -> None:
    script = Script()
    reporter = RecordingReporter(*[StatusUnwritable("503")] * 3)
    host = carry_out(script, resource(), reporter=reporter)
    assert script.runs["uid-1"] == 1
    assert reporter.ready("uid-1") == Reason.CHECKPOINTED
    assert host.observer.ends == [("ContainerCheckpoint", Reason.CHECKPOINTED)]
    assert not host.journal.kept


def test_a_failure_that_cannot_be_told_is_told_later() -> None:
    script = Raising(OperationFailed(Cause.NO_SPACE, "no room", "Free some"))
    reporter = RecordingReporter(*[StatusUnwritable("503")] * 3)
    host = carry_out(script, resource(), reporter=reporter)
    assert script.runs["uid-1"] == 1
    assert reporter.ready("uid-1") == Cause.NO_SPACE
    assert host.observer.ends == [("ContainerCheckpoint", Cause.NO_SPACE)]
    assert reporter.events == [("Warning", "NoSpace", "no room. Free some.")]


def test_an_api_server_out_of_reach_before_the_end_does_not_end_the_operation() -> None:
    """A restore looks its checkpoint up there, before it does anything."""
    script = Raising(StatusUnwritable("connection refused"))
    host = carry_out(script, resource())
    assert script.runs["uid-1"] == 2
    assert host.reporter.ready("uid-1") == Reason.CHECKPOINTED


def test_what_was_deleted_before_it_began_is_forgotten() -> None:
    journal = MemoryJournal()
    host = carry_out(Raising(ResourceGone("gone")), resource(), journal=journal)
    assert host.observer.ends == [("ContainerCheckpoint", "abandoned")]
    assert not journal.kept
    assert not host.reporter.statuses


def test_a_full_disk_does_not_keep_users_from_hearing_of_it() -> None:
    class Recording(Script):
        def run(self, operation: Operation) -> None:
            operation.record(Step.FREEZING)

    journal = MemoryJournal()
    journal.full = True
    host = carry_out(Recording(), resource(), journal=journal)
    assert host.reporter.ready("uid-1") == Cause.NO_SPACE


def test_an_operation_that_had_ended_when_the_agent_died_is_only_told() -> None:
    journal = MemoryJournal()
    lost = RecordingReporter(*[StatusUnwritable("503")] * 1000)

    # The first agent is stopped while it waits to tell; the next one finds its journal.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "RETRY_SECONDS", SECONDS)

        async def stopped(host: Host) -> None:
            host.operations.ensure(resource(), Script())
            await until(lambda: len(lost.refusals) < 1000)

        first = on_host(stopped, reporter=lost, journal=journal)
    assert not first.observer.ends
    assert journal.kept["uid-1"].step is Step.FINISHED
    again = Script()
    host = carry_out(again, resource(), journal=journal)
    assert not again.runs
    ready = host.reporter.condition("uid-1", ConditionType.READY)
    assert ready is not None
    assert ready["status"] == "True"
    assert host.observer.ends == [("ContainerCheckpoint", Reason.CHECKPOINTED)]


def test_an_end_that_was_told_by_an_agent_that_died_then_is_counted_once() -> None:
    of = finished()
    journal = MemoryJournal()
    journal.write(Entry(of.uid, of.namespace, of.name, of.kind, step=Step.STORED))
    script = Script()

    async def body(host: Host) -> None:
        for _ in range(3):
            host.operations.ensure(of, script)

    host = on_host(body, journal=journal)
    assert not script.runs
    assert not journal.kept
    assert host.observer.ends == [(of.kind, Reason.CHECKPOINTED)]


def test_a_stopping_agent_begins_nothing() -> None:
    gate = threading.Event()
    script = Script(lambda _: assert_opened(gate))
    queued = Script()

    async def body(host: Host) -> None:
        host.operations.ensure(resource("first"), script)
        await until(lambda: script.runs["first"] == 1)
        host.operations.ensure(resource("second"), queued)
        await host.reported("second", Reason.QUEUED)
        stop = asyncio.create_task(host.operations.stop())
        await asyncio.sleep(0)
        host.operations.ensure(resource("third"), queued)
        gate.set()
        await stop

    host = on_host(body, most=1)
    assert host.reporter.ready("first") == Reason.CHECKPOINTED
    assert not queued.runs


def test_a_deletion_waits_for_the_operation() -> None:
    gate = threading.Event()
    script = Script(lambda _: assert_opened(gate))

    async def body(host: Host) -> None:
        host.operations.ensure(resource(), script)
        await until(lambda: script.runs["uid-1"] == 1)
        discard = asyncio.create_task(host.operations.discard(resource(), script))
        await asyncio.sleep(0.01)
        assert not script.discarded
        gate.set()
        await discard

    on_host(body)
    assert script.discarded == ["uid-1"]


def begun(step: Step) -> MemoryJournal:
    """A journal with one operation, on container ``c``, that an earlier agent has left."""
    journal = MemoryJournal()
    journal.write(Entry("gone", "default", "gone", lock="c", step=step))
    return journal


def check(script: Script, journal: MemoryJournal, wanted: Callable[[], bool]) -> Host:
    async def body(host: Host) -> None:
        host.operations.check(resource("gone"), script, wanted=wanted)
        host.operations.ensure(resource("new", container="c"), script)
        await host.idle()

    return on_host(body, journal=journal)


def test_what_was_deleted_meanwhile_is_abandoned_before_anything_else_on_its_container() -> None:
    order = []
    script = Script(lambda operation: order.append(operation.resource.uid))
    answers: list[Exception | bool] = [StatusUnwritable("down"), False]

    def wanted() -> bool:
        order.append("asked")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    journal = begun(Step.FREEZING)
    host = check(script, journal, wanted)
    assert script.abandoned == ["gone"]
    assert ("ContainerCheckpoint", "abandoned") in host.observer.ends
    assert order == ["asked", "asked", "new"]
    assert journal.read("gone") is None


def test_what_is_still_wanted_is_not_abandoned() -> None:
    script, journal = Script(), begun(Step.FREEZING)
    check(script, journal, lambda: True)
    assert not script.abandoned
    assert journal.read("gone")


def test_what_had_not_begun_is_only_forgotten() -> None:
    script, journal = Script(), begun(Step.ACCEPTED)
    check(script, journal, lambda: False)
    assert not script.abandoned
    assert journal.read("gone") is None


def test_what_has_ended_is_counted_though_it_was_deleted() -> None:
    script, journal = Script(), MemoryJournal()
    status = finished().status
    journal.write(
        Entry("gone", "default", "gone", lock="c", step=Step.FINISHED, status=dict(status))
    )
    host = check(script, journal, lambda: False)
    assert not script.abandoned
    assert journal.read("gone") is None
    assert host.observer.ends == [("ContainerCheckpoint", Reason.CHECKPOINTED)] * 2


def test_the_load_tells_who_is_at_work_and_who_waits() -> None:
    gate = threading.Event()
    script = Script(lambda _: assert_opened(gate))

    async def body(host: Host) -> None:
        load = host.operations.load
        for uid in ("first", "second", "third"):
            host.operations.ensure(resource(uid, kind="ContainerRestore"), script)
        await until(lambda: script.runs.total() == 1)
        await host.reported("third", Reason.QUEUED)
        assert (load.at_work["ContainerRestore"], load.waiting["ContainerRestore"]) == (1, 2)
        gate.set()
        await host.idle()
        assert (load.at_work["ContainerRestore"], load.waiting["ContainerRestore"]) == (0, 0)

    on_host(body, most=1)


def test_the_time_of_an_operation_goes_on_over_agents() -> None:
    journal = MemoryJournal()
    began = (datetime.now(UTC) - timedelta(seconds=100)).isoformat(timespec="seconds")
    journal.write(Entry("uid-1", "default", "n", step=Step.CAPTURED, status={"startTime": began}))
    host = carry_out(Script(), resource(), journal=journal)
    (seconds,) = host.observer.seconds
    assert 99 <= seconds < 100 + SECONDS
