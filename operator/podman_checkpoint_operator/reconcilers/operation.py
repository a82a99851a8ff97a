"""What checkpoint and restore share: an operation's journal, status and clock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

from ..api import conditions
from ..api.common import ConditionStatus
from ..api.conditions import timestamp
from ..api.reasons import Cause, ConditionType, Reason
from ..api.remedies import MORE_TIME
from ..decisions.failures import Interrupted, OperationFailed
from ..decisions.preflight import Check, require, summary
from .journal import Entry, Journal, Step
from .observer import Ends
from .resource import Reporter, Resource, ResourceGone, StatusUnwritable

logger = logging.getLogger(__name__)

_T = TypeVar("_T", OperationFailed, Check)

MAX_EVIDENCE: Final = 4096
"""Characters of evidence kept in status; an error body can be as long as it likes."""


class Operation:
    """The course of one resource: every step goes to the journal first, then to the user."""

    def __init__(
        self,
        resource: Resource,
        *,
        journal: Journal,
        reporter: Reporter,
        ends: Ends,
        boot_id: str,
        timeout_seconds: float,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.resource = resource
        self.boot_id = boot_id
        self._journal = journal
        self._reporter = reporter
        self._ends = ends
        self._stopping = stopping
        self._deadline = time.monotonic() + timeout_seconds
        self._timeout_seconds = timeout_seconds
        self._gone = False
        self.entry = journal.read(resource.uid) or Entry(
            resource.uid, resource.namespace, resource.name, resource.kind, dict(resource.spec)
        )
        self.status: dict[str, Any] = dict(self.entry.status)
        self.status["observedGeneration"] = resource.generation
        now = datetime.now(UTC)
        began = self.status.setdefault("startTime", timestamp(now))
        earlier = (now - datetime.fromisoformat(began)).total_seconds() if self.entry.status else 0
        self._began = time.monotonic() - max(0.0, earlier)
        self._seconds: float | None = None
        self.status.setdefault("conditions", list(resource.status.get("conditions") or ()))

    def record(self, step: Step, **data: Any) -> None:
        """Write a step to the journal, before its work begins."""
        self.entry = replace(
            self.entry.with_data(**data),
            step=step,
            boot_id=self.boot_id,
            began_at=time.time(),
            status=self.status,
        )
        self._journal.write(self.entry)
        logger.info("step", extra={"step": str(step)})

    def note(self, **data: Any) -> None:
        """Write to the journal what the present step is about to make, so that it is not lost."""
        self.entry = replace(self.entry.with_data(**data), status=self.status)
        self._journal.write(self.entry)

    def claim(self, lock: str) -> None:
        """Note what two operations must not touch at once."""
        self.entry = replace(self.entry, lock=lock)

    def identify(self, container_id: str) -> None:
        """Bind the operation to a container, by its ID."""
        self.entry = replace(self.entry, container_id=container_id)

    def progress(self, reason: Reason, message: str) -> None:
        """Tell users what is going on; that they cannot be told now does not stop it."""
        self._update(conditions.progressing, reason=reason, message=message)
        try:
            self._reporter.status(self.resource, self.status)
        except ResourceGone:
            self._gone = True
        except StatusUnwritable as error:
            logger.warning("status not written", extra={"error": str(error)})

    def wait(self, reason: Reason, failure: OperationFailed) -> None:
        """Tell users what stands in the way for now, and what they can do about it."""
        failure = self._told(failure)
        known = conditions.find_condition(self.status["conditions"], ConditionType.READY)
        if not known or known["reason"] != reason:
            self.event("Warning", failure.cause, failure.message)
        self.status["diagnosis"] = _diagnosis(failure)
        self.progress(reason, failure.evidence)
        del self.status["diagnosis"]

    def require_wanted(self) -> None:
        """Stop what has not begun to change anything when its resource was deleted.

        Raises:
            ResourceGone: it was.
        """
        if self._gone and self.entry.step is Step.ACCEPTED:
            raise ResourceGone(self.resource.key)

    def reached(self, type_: ConditionType, reason: Reason, message: str) -> None:
        """Note a milestone as a condition; it is written with the next report."""
        known = conditions.find_condition(self.status["conditions"], type_)
        self._condition(type_, ConditionStatus.TRUE, reason, message)
        # An operation that goes on after its agent was killed may come here once more.
        if not known or (known["status"], known["reason"]) != (ConditionStatus.TRUE, reason):
            self.event("Normal", reason, message)

    def state(self, type_: ConditionType, true: bool, reason: Reason, message: str) -> None:
        """Note how something is as a condition; it is written with the next report."""
        status = ConditionStatus.TRUE if true else ConditionStatus.FALSE
        self._condition(type_, status, reason, message)

    def missed(self, type_: ConditionType, failure: OperationFailed) -> None:
        """Note a milestone that was not reached as a condition; written with the next report."""
        message = self._told(failure).message
        self._condition(type_, ConditionStatus.FALSE, failure.cause, message)

    def event(self, severity: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Post an event about the resource."""
        self._reporter.event(self.resource, severity, reason, message)

    def check(self, checks: list[Check]) -> None:
        """Put preflight checks into the status, and stop at a failed one.

        Raises:
            OperationFailed: for the first failed check.
        """
        checks = [self._told(check) for check in checks]
        known = self.status.get("preflight") or ()
        self.status["preflight"] = [check.as_status() for check in checks]
        for check in checks:
            if check.result == "Warn" and check.as_status() not in known:
                self.event("Warning", check.name, check.explanation)
        try:
            require(checks)
        except OperationFailed as failure:
            self.missed(ConditionType.PREFLIGHT_PASSED, failure)
            raise
        self._condition(
            ConditionType.PREFLIGHT_PASSED,
            ConditionStatus.TRUE,
            Reason.PREFLIGHT_PASSED,
            summary(checks),
        )

    def is_late(self) -> bool:
        """Whether the time of ``spec.timeoutSeconds`` is over."""
        return time.monotonic() >= self._deadline

    def remaining(self) -> float:
        """Return the seconds left of ``spec.timeoutSeconds``.

        Raises:
            OperationFailed: none are.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise OperationFailed(
                Cause.TIMED_OUT,
                f"not finished within timeoutSeconds ({self._timeout_seconds:.0f} s)",
                MORE_TIME,
            )
        return left

    def pause_point(self) -> None:
        """Let the agent stop here: what was done is recorded, the rest follows after its start.

        Raises:
            Interrupted: the agent is shutting down.
            ResourceGone: the resource was deleted before anything was changed.
        """
        if self._stopping():
            raise Interrupted(self.resource.key)
        self.require_wanted()

    def succeed(self, reason: Reason, message: str) -> None:
        """Report success; only then is the journal's entry needless.

        Raises:
            StatusUnwritable: to be tried again; the journal keeps the result.
        """
        self._update(conditions.succeeded, reason=reason, message=message)
        self.report_end()

    def fail(self, failure: OperationFailed) -> None:
        """Report a failure that will not be retried, with its whole explanation.

        Raises:
            StatusUnwritable: to be tried again; the journal keeps the result.
        """
        self._explain(failure)
        self.report_end()

    def give_up(self, failure: OperationFailed) -> None:
        """Report a failure of what cannot be undone yet; the journal keeps what was begun.

        Raises:
            StatusUnwritable: to be tried again; the journal keeps the result.
        """
        self._explain(failure)
        self._complete()
        try:
            self.note(givenUp=True)
        except OSError as error:
            self._not_written(error)
        self.report_end()

    def report_end(self) -> None:
        """Write the final status, be it later, or by another agent, than the operation ended.

        Raises:
            StatusUnwritable: to be tried again; the journal keeps the result.
        """
        self._complete()
        if not self.entry.given_up:
            try:
                self.record(Step.FINISHED)
            except OSError as error:
                self._not_written(error)
        with suppress(ResourceGone):
            self._reporter.status(self.resource, self.status)
        self._ends.told(self.resource, self.status, self._seconds, forget=not self.entry.given_up)
        self._announce()

    def _announce(self) -> None:
        """Log the end, and post an event of it unless a milestone has told the same."""
        told = {each["type"]: each["reason"] for each in self.status["conditions"]}
        ready = conditions.find_condition(self.status["conditions"], ConditionType.READY) or {}
        diagnosis = self.status.get("diagnosis")
        if diagnosis or told.pop(ConditionType.READY) not in told.values():
            self.event("Warning" if diagnosis else "Normal", ready["reason"], ready["message"])
        if diagnosis:
            logger.warning("failed", extra=diagnosis)
        else:
            logger.info("succeeded")

    def _complete(self) -> None:
        if "completionTime" not in self.status:
            self.status["completionTime"] = timestamp(datetime.now(UTC))
            self._seconds = time.monotonic() - self._began

    def _not_written(self, error: OSError) -> None:
        """A full disk may be the very failure that users are to hear of."""
        logger.warning("journal not written", extra={"error": str(error)})

    def _told(self, what: _T) -> _T:
        """Return an explanation in words for whoever can do something about it."""
        return what.in_drain(self.resource.kind) if self.resource.by_drain else what

    def _explain(self, failure: OperationFailed) -> None:
        failure = self._told(failure)
        self.status["diagnosis"] = _diagnosis(failure)
        self._update(conditions.failed, cause=failure.cause, message=failure.message)

    def _condition(
        self, type_: ConditionType, status: ConditionStatus, reason: Reason | Cause, message: str
    ) -> None:
        self._update(
            conditions.set_condition, type=type_, status=status, reason=reason, message=message
        )

    def _update(self, change: Callable[..., list[dict[str, Any]]], **about: Any) -> None:
        self.status["conditions"] = change(
            self.status["conditions"],
            generation=self.resource.generation,
            now=datetime.now(UTC),
            **about,
        )


def _diagnosis(failure: OperationFailed) -> dict[str, str]:
    return {
        "cause": str(failure.cause),
        "evidence": failure.evidence[:MAX_EVIDENCE],
        "remedy": failure.remedy,
    }
