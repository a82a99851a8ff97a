"""A host, its containers and its resources, as a drain sees them: a model that can be cut off."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from podman_checkpoint_operator.api.conditions import find_condition, timestamp
from podman_checkpoint_operator.api.names import NAMESPACE_LABEL, ON_DRAIN_LABEL
from podman_checkpoint_operator.decisions.container_list import ListedContainer
from podman_checkpoint_operator.decisions.drain.history import Superfluous
from podman_checkpoint_operator.decisions.facts import Container, State
from podman_checkpoint_operator.decisions.shutdown import Answer
from podman_checkpoint_operator.reconcilers.drain import Drain
from podman_checkpoint_operator.reconcilers.drain_ports import Refusal
from podman_checkpoint_operator.reconcilers.drain_told import Told
from podman_checkpoint_operator.reconcilers.offline import NoOffline
from podman_checkpoint_operator.reconcilers.podman_port import NotFound
from podman_checkpoint_operator.reconcilers.registration import Registration
from podman_checkpoint_operator.reconcilers.resource import Resource
from tests.unit.samples import CONTAINER

NEVER = datetime.min.replace(tzinfo=UTC)


class Killed(BaseException):
    """The agent was killed here."""


@dataclass
class Box:
    """One container of the model."""

    id: str
    labels: dict[str, str] = field(default_factory=lambda: {ON_DRAIN_LABEL: "checkpoint"})
    state: State = State.RUNNING
    started_at: datetime = NEVER
    finished_at: datetime = NEVER
    dependencies: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    pod: str = ""
    saved: bool = False
    """Its last state waits in the bundle."""
    saved_by: str = ""
    """The checkpoint that has put it there."""

    @property
    def alive(self) -> bool:
        return self.state in (State.RUNNING, State.PAUSED)


class Podman:
    """The model's containers, as the real service shows them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def containers(self) -> tuple[ListedContainer, ...]:
        self._world.step()
        return tuple(
            ListedContainer(
                box.id,
                f"name-{box.id}",
                box.labels,
                box.state,
                box.started_at.replace(microsecond=0),
                box.pod,
            )
            for box in self._world.boxes.values()
        )

    def inspect(self, container_id: str) -> Container:
        self._world.step()
        if container_id not in self._world.boxes:
            raise NotFound(container_id)
        box = self._world.boxes[container_id]
        return replace(
            CONTAINER,
            id=box.id,
            name=f"name-{box.id}",
            state=box.state,
            started_at=box.started_at,
            finished_at=box.finished_at,
            dependencies=box.dependencies,
            joined=box.joined,
            pod=box.pod,
        )


class World(Registration):
    """The host as a Registration, its API server and its Podman.

    Attributes:
        budget: how many calls an agent makes until it is killed; None is for ever.
    """

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.checkpoints_: dict[str, dict[str, Any]] = {}
        self.restores_: dict[str, dict[str, Any]] = {}
        self.host: dict[str, Any] = {
            "metadata": {"name": "host-a", "uid": "uid", "generation": 1},
            "spec": {},
        }
        self.boot_id = "boot-0"
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.calls = 0
        self.budget: int | None = None
        self.refusal = ""
        self.cordoned = False
        self.shutdown: str | None = None
        self.answers: list[Answer] = []
        self.error: Exception | None = None
        self.on_make: Callable[[dict[str, Any]], None] = lambda _: None
        self.on_tell: Callable[[], None] = lambda: None
        self.on_delete: Callable[[str], None] = lambda _: None
        self.events: list[str] = []
        self.ended: list[bool] = []
        self.agent()

    def agent(self) -> None:
        """Start an agent, in the place of one that was killed."""
        podman: Any = Podman(self)
        told = Told(self, self, self)
        self.drain = Drain(
            self, told, self, podman, self, NoOffline(), boot_id=lambda: self.boot_id
        )

    def tick(self) -> datetime:
        self.now += timedelta(seconds=10)
        return self.now

    def step(self) -> None:
        self.calls += 1
        if self.error:
            raise self.error
        if self.budget is not None:
            self.budget -= 1
            if self.budget < 0:
                raise Killed

    # The agent's side

    def current(self) -> Mapping[str, Any]:
        self.step()
        return copy.deepcopy(self.host)

    def tell(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> None:
        status = change(self.current())
        if status is not None:
            self.step()
            self.on_tell()
            self.host["status"] = {**self.host.get("status", {}), **copy.deepcopy(dict(status))}

    def checkpoints(self) -> list[Mapping[str, Any]]:
        self.step()
        return copy.deepcopy(list(self.checkpoints_.values()))

    def restores(self) -> list[Mapping[str, Any]]:
        self.step()
        return copy.deepcopy(list(self.restores_.values()))

    def make(self, manifest: Mapping[str, Any]) -> None:
        self.step()
        if self.refusal:
            raise Refusal(self.refusal)
        kept = self._kept(manifest["kind"])
        if manifest["metadata"]["name"] not in kept:
            self.on_make(dict(manifest))
            made = copy.deepcopy(dict(manifest))
            made["metadata"]["uid"] = f"uid-{self.calls}"
            kept[made["metadata"]["name"]] = made

    def delete(self, what: Superfluous) -> None:
        self.step()
        self.on_delete(what.name)
        kept = self._kept(what.resource.kind)
        assert kept[what.name]["metadata"]["uid"] == what.uid
        del kept[what.name]

    def is_cordoned(self) -> bool:
        self.step()
        return self.cordoned

    def event(
        self, resource: Resource, severity: Literal["Normal", "Warning"], reason: str, message: str
    ) -> None:
        self.step()
        assert (resource.kind, resource.name, resource.uid) == ("PodmanHost", "host-a", "uid")
        self.events.append(f"{severity} {reason}: {message}")

    def drain_seen(self, host: Mapping[str, Any]) -> None:
        """What is measured of it is measured by the real metrics' tests."""

    def drain_ended(self, *, well: bool) -> None:
        self.ended.append(well)

    def requested(self) -> str | None:
        return self.shutdown

    def answer(self, request: str, answer: Answer) -> None:
        assert request == self.shutdown
        self.answers.append(answer)

    def _kept(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.checkpoints_ if kind == "ContainerCheckpoint" else self.restores_

    # What happens around it

    def turn(self) -> float | None:
        self.drain.seen(copy.deepcopy(self.host), deleted=False)
        self.drain.touched()
        return self.drain.turn()

    def run(self, container_id: str, **facts: Any) -> Box:
        """Create a container and start it."""
        self.boxes[container_id] = Box(container_id, **facts, started_at=self.tick())
        return self.boxes[container_id]

    def start(self, box: Box) -> None:
        box.state, box.started_at, box.saved = State.RUNNING, self.tick(), False

    def stop(self, box: Box) -> None:
        box.state, box.finished_at = State.EXITED, self.tick()

    def ask(self, *, unschedulable: bool, **drain: Any) -> None:
        """Change the spec, as an administrator does."""
        self.host["spec"] = {"unschedulable": unschedulable, "drain": drain}
        self.host["metadata"]["generation"] += 1

    def reboot(self) -> None:
        self.tick()
        self.shutdown = None
        self.boot_id = f"boot-{self.now:%H%M%S}"
        for box in self.boxes.values():
            if box.alive:
                self.stop(box)

    def under_way(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self._kept(kind).values() if not each.get("status")]

    def end(self, resource: dict[str, Any], *, well: bool = True, dies: bool = False) -> None:
        """Let an operation come to its end; a container may die of its restore."""
        ended = timestamp(self.tick())
        cause = "GhostFileTooLarge"
        if resource["kind"] == "ContainerCheckpoint":
            box = self.boxes.get(resource["spec"]["containerRef"]["id"])
            if box is None or box.state is not State.RUNNING:
                cause = "ContainerNotRunning" if box else "ContainerNotFound"
            well = self._saves(resource, well)
        else:
            box = self.boxes.get(self.container_of(resource))
            if box is None or not box.saved:
                cause = "CheckpointMissing"
            well = self._restores(resource, well or dies)
            if box and well and dies:
                self.stop(box)
                well, cause = False, "DiedAfterRestore"
        reason = "Done" if well else cause
        conditions = [_condition("Ready", "True" if well else "False", reason)]
        if not well:
            conditions.append(_condition("Stalled", "True", reason))
        resource["status"] = {"conditions": conditions, "completionTime": ended}
        if resource["kind"] == "ContainerRestore":
            resource["status"]["container"] = {"id": self.container_of(resource)}

    def _saves(self, resource: dict[str, Any], well: bool) -> bool:
        box = self.boxes.get(resource["spec"]["containerRef"]["id"])
        if box and box.saved and box.saved_by == resource["metadata"]["name"]:
            return True  # the journal, or the note beside the state, tells what was done
        if box is None or box.state is not State.RUNNING or not well:
            return False
        self.stop(box)
        box.saved, box.saved_by = True, resource["metadata"]["name"]
        return True

    def _restores(self, resource: dict[str, Any], well: bool) -> bool:
        box = self.boxes.get(self.container_of(resource))
        if box is None:
            return False
        if box.alive:
            return True
        if not (well and box.saved):
            return False
        box.state, box.saved = State.RUNNING, False
        return True

    def container_of(self, resource: dict[str, Any]) -> str:
        return str(resource["spec"]["source"]["containerRef"]["id"])

    # What is told

    @property
    def told(self) -> dict[str, str]:
        """The state of each container, by its ID."""
        drain = self.host.get("status", {}).get("drain") or {}
        return {each["id"]: each["state"] for each in drain.get("containers", [])}

    def record(self, container_id: str) -> dict[str, Any]:
        drain = self.host["status"]["drain"]
        (found,) = (each for each in drain["containers"] if each["id"] == container_id)
        return dict(found)

    def drained(self) -> tuple[str, str]:
        """Status and reason of the condition."""
        found = self.condition
        return found["status"], found["reason"]

    @property
    def condition(self) -> Mapping[str, Any]:
        conditions = self.host.get("status", {}).get("conditions", [])
        return find_condition(conditions, "Drained") or {"status": "", "reason": ""}  # type: ignore[arg-type]

    def until_quiet(self) -> None:
        """Let agent and operations go on until nothing happens any more."""
        for _ in range(200):
            before = (copy.deepcopy(self.host), len(self.checkpoints_), len(self.restores_))
            self.turn()
            works = [*self.under_way("ContainerCheckpoint"), *self.under_way("ContainerRestore")]
            for each in works:
                self.end(each)
            if before == (self.host, len(self.checkpoints_), len(self.restores_)) and not works:
                return
        raise AssertionError("it never ends")


def in_namespace(namespace: str) -> dict[str, str]:
    return {ON_DRAIN_LABEL: "checkpoint", NAMESPACE_LABEL: namespace}


def _condition(type_: str, status: str, reason: str) -> dict[str, str]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": f"because of {reason}",
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
