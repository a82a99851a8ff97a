"""What a resource's status tells, in the few words that tables and progress need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ...api.names import CHECKPOINTS, HOSTS, RESTORES, Resource
from ...api.reasons import ConditionType

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATIONS: Final = (CHECKPOINTS, RESTORES)


@dataclass(frozen=True)
class State:
    """How far an operation is, or how a host is."""

    word: str
    """``Ready``, ``Failed``, ``Pending``, or the reason of what is going on; ``NotReady``."""
    message: str
    cause: str = ""
    """Why it failed."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.word in ("Ready", "Failed")

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.word == "Failed"

    @property
    def text(self) -> str:
        """The word, with the cause of a failure."""
        return f"{self.word}: {self.cause}" if self.cause else self.word

    @property
    def style(self) -> str:
        """The colour that says the same."""
        return {"Ready": "green", "Failed": "red", "NotReady": "red"}.get(self.word, "yellow")


def condition(found: Mapping[str, Any], type_: str) -> Mapping[str, Any] | None:
    """Return a condition of an object, if it has one of that type."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == type_), None)


def state(found: Mapping[str, Any]) -> State:
    """Return how far an operation is, or how a host is."""
    ready = condition(found, ConditionType.READY)
    if found["kind"] == HOSTS.kind:
        return _state_of_host(ready)
    if ready is None:
        return State("Pending", f"no agent of {found['spec']['nodeName']} has taken it up yet")
    message = str(ready["message"])
    if ready["status"] == "True":
        return State("Ready", message)
    if condition(found, ConditionType.STALLED):
        return State("Failed", message, str(ready["reason"]))
    return State(str(ready["reason"]), message)


def shown(found: Mapping[str, Any]) -> State:
    """Return the same for people: what is being deleted is nothing to rely on."""
    if found["metadata"].get("deletionTimestamp"):
        return State("Deleting", "gone as soon as the host's agent has deleted the archive")
    return state(found)


def _state_of_host(ready: Mapping[str, Any] | None) -> State:
    """Return how a host is, in the words that ``kubectl get nodes`` has for nodes."""
    if ready is None:
        return State("Unknown", "its agent has not reported yet")
    if ready["status"] == "True":
        return State("Ready", str(ready["message"]))
    word = "NotReady" if ready["status"] == "False" else "Unknown"
    return State(word, str(ready["message"]), str(ready["reason"]))


def status(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object's status, empty as long as nobody has written it."""
    return found.get("status") or {}


def resource_of(found: Mapping[str, Any]) -> Resource:
    """Return the kind of an operation."""
    return next(each for each in OPERATIONS if each.kind == found["kind"])


def container(found: Mapping[str, Any]) -> str:
    """Return the container that an operation is about, as far as it is known."""
    seen = (status(found).get("container") or {}).get("name")
    spec = found["spec"]
    reference = spec.get("containerRef") or (spec.get("source") or {}).get("containerRef") or {}
    asked = spec.get("name") or reference.get("name") or str(reference.get("id") or "")[:12]
    return str(seen or asked or "")


def about(found: Mapping[str, Any]) -> str:
    """Return the container that an operation is about, or else what it begins with."""
    return container(found) or source(found)


def source(found: Mapping[str, Any]) -> str:
    """Return what a restore begins with."""
    given = found["spec"]["source"]
    if "checkpointRef" in given:
        return f"{CHECKPOINTS.short}/{given['checkpointRef']['name']}"
    if "archive" in given:
        return str(given["archive"]["uri"])
    return "the host's state"
