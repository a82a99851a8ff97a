"""The host's own memory of operations under way.

``status`` is what users read, and the API server may be out of reach just when it matters. What an
agent has begun on its host is therefore written to the host first: one small file per operation,
replaced atomically before each step. It is removed when the resource's final status has been
stored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, Self


class Step(StrEnum):
    """How far an operation has come; each is recorded before its work begins."""

    ACCEPTED = "Accepted"
    # ContainerCheckpoint
    PREPARING = "Preparing"
    PRE_COPYING = "PreCopying"
    FREEZING = "Freezing"
    CHECKPOINTING = "Checkpointing"
    CHECKPOINTED = "Checkpointed"
    CAPTURED = "Captured"
    STORING = "Storing"
    STORED = "Stored"
    # ContainerRestore
    REPLACING = "Replacing"
    RESTORING = "Restoring"
    RESTORED = "Restored"
    # Both
    FINISHED = "Finished"


@dataclass(frozen=True)
class Entry:
    """One operation.

    Attributes:
        uid: of the resource; a deleted and re-created one is another operation.
        kind: of the resource; with its spec it says what was asked for, should it be deleted.
        lock: what two operations must not touch at once.
        boot_id: of the host when the step was recorded. Files that were not yet synced, and the
            processes of a container, do not outlive a boot.
        container_id: resolved once, so that a name given to another container misleads nobody.
        began_at: seconds since the epoch when the step was recorded, by the host's clock.
        status: the status as far as it is known, in the form of the resource.
        data: what later steps need; JSON values.
    """

    uid: str
    namespace: str
    name: str
    kind: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    lock: str = ""
    step: Step = Step.ACCEPTED
    boot_id: str = ""
    container_id: str = ""
    began_at: float = 0.0
    status: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """The reverse of :meth:`to_json`."""
        return cls(**{**content, "step": Step(content["step"])})

    @property
    def has_begun(self) -> bool:
        """Whether something may have been made or changed that is to be undone or finished."""
        if self.step is Step.ACCEPTED:
            return bool(self.data)
        return self.step is not Step.FINISHED

    @property
    def given_up(self) -> bool:
        """Whether it has failed, and what was begun is still to be undone."""
        return bool(self.data.get("givenUp"))

    def with_data(self, **values: Any) -> Self:
        """A copy with some of ``data`` set."""
        return replace(self, data={**self.data, **values})


class Journal(Protocol):
    """Where entries are kept; :class:`~..host.journal.DirectoryJournal` keeps them in files."""

    def read(self, uid: str) -> Entry | None:
        """Return the entry of an operation, if it was begun."""

    def write(self, entry: Entry) -> None:
        """Replace the entry of an operation, durably."""

    def remove(self, uid: str) -> None:
        """Forget an operation, if it is known."""

    def entries(self) -> list[Entry]:
        """Return all entries."""
