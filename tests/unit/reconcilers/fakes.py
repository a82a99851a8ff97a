"""Stand-ins for the API server and the journal that can be told to misbehave."""

from __future__ import annotations

import copy
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from podman_checkpoint_operator.api.reasons import ConditionType
from podman_checkpoint_operator.reconcilers.journal import Entry, Step
from podman_checkpoint_operator.reconcilers.observer import Ends
from podman_checkpoint_operator.reconcilers.operation import Operation
from podman_checkpoint_operator.reconcilers.resource import Resource


class MemoryJournal:
    """A journal that outlives agents, and can have a full disk."""

    def __init__(self) -> None:
        self.kept: dict[str, Entry] = {}
        self.steps: list[Step] = []
        self.full = False

    def read(self, uid: str) -> Entry | None:
        return self.kept.get(uid)

    def write(self, entry: Entry) -> None:
        if self.full:
            raise OSError(28, "No space left on device", "journal.json")
        self.steps.append(entry.step)
        self.kept[entry.uid] = copy.deepcopy(entry)

    def remove(self, uid: str) -> None:
        self.kept.pop(uid, None)

    def entries(self) -> list[Entry]:
        return list(self.kept.values())


class RecordingReporter:
    """Keeps what users were told; ``refusals`` are raised by the next writes of a status."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.statuses: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.events: list[tuple[str, str, str]] = []
        self._changed = threading.Condition()

    def status(self, resource: Resource, status: Mapping[str, Any]) -> None:
        with self._changed:
            if self.refusals:
                raise self.refusals.pop(0)
            self.statuses[resource.uid].append(copy.deepcopy(dict(status)))
            self._changed.notify_all()

    def event(self, resource: Resource, severity: str, reason: str, message: str) -> None:
        self.events.append((severity, str(reason), message))

    def condition(self, uid: str, type_: ConditionType) -> Mapping[str, Any] | None:
        """Return a condition as it was reported last."""
        conditions = self.statuses[uid][-1]["conditions"] if self.statuses[uid] else []
        return next((each for each in conditions if each["type"] == type_), None)

    def ready(self, uid: str) -> str:
        """Return the reason of ``Ready`` as it was reported last."""
        condition = self.condition(uid, ConditionType.READY)
        return str(condition["reason"]) if condition else ""

    def reasons(self, uid: str) -> list[str]:
        """Return all reasons that ``Ready`` has had."""
        return [
            condition["reason"]
            for status in self.statuses[uid]
            for condition in status["conditions"]
            if condition["type"] == ConditionType.READY
        ]

    def wait_for(self, uid: str, reason: str, *, seconds: float = 30) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: reason in self.reasons(uid), seconds):
                raise AssertionError(f"{uid} has {self.reasons(uid)}, not {reason}")


class RecordingObserver:
    """Keeps what was counted."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []
        """Kind, and reason of Ready or ``abandoned``."""
        self.known: list[str] = []
        self.seconds: list[float] = []

    def ended(self, kind: str, status: Mapping[str, Any], seconds: float) -> None:
        ready = next(each for each in status["conditions"] if each["type"] == ConditionType.READY)
        self.ends.append((kind, ready["reason"]))
        self.seconds.append(seconds)

    def abandoned(self, kind: str) -> None:
        self.ends.append((kind, "abandoned"))

    def seen(self, kind: str, status: Mapping[str, Any]) -> None:
        self.known.append(kind)


def resource(uid: str = "uid-1", *, kind: str = "ContainerCheckpoint", **spec: Any) -> Resource:
    """Return a resource that the API server could have sent."""
    return Resource(
        kind=kind,
        namespace="default",
        name=f"name-{uid}",
        uid=uid,
        generation=1,
        spec={"nodeName": "host-a", **spec},
    )


def operation(
    of: Resource,
    journal: MemoryJournal,
    reporter: RecordingReporter,
    *,
    timeout_seconds: float = 600,
    boot_id: str = "boot-1",
    stopping: Callable[[], bool] = lambda: False,
) -> Operation:
    """Return the operation of a resource, as an agent that has just started sees it."""
    return Operation(
        of,
        journal=journal,
        reporter=reporter,
        ends=Ends(journal, RecordingObserver()),
        boot_id=boot_id,
        timeout_seconds=timeout_seconds,
        stopping=stopping,
    )
