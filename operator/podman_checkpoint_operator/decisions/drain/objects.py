"""The resources that a drain makes: what they are called, what they ask for, how they ended.

A checkpoint is named after the very run of the container that it saves. So an agent that was killed
and looks again makes no second one, and a container that has run since gets another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ...api import conditions
from ...api.common import ConditionStatus
from ...api.host import DrainedContainer
from ...api.names import (
    API_VERSION,
    CHECKPOINTS,
    DRAIN_OPTIONS,
    DRAINED_HOST_LABEL,
    HOSTS,
    NAMESPACE_LABEL,
    RESTORES,
    SYSTEM_NAMESPACE,
    Resource,
)
from ...api.reasons import Cause, ConditionType
from ..container_list import ListedContainer
from ..facts import Container

_LABEL_LENGTH: Final = 63
_DIGEST_LENGTH: Final = 10
_NOTHING_TO_SAVE: Final = frozenset({Cause.CONTAINER_NOT_RUNNING, Cause.CONTAINER_NOT_FOUND})
NOTHING_TO_RESTORE: Final = frozenset(
    {Cause.DIED_AFTER_RESTORE, Cause.CHECKPOINT_STALE, Cause.CHECKPOINT_MISSING}
)
"""Why a restore fails whose state is no more: it ran on and ended, or was taken away."""
_VALUES: Final = {"true": True, "false": False}


@dataclass(frozen=True)
class Made:
    """A ContainerCheckpoint or ContainerRestore of a drain, as the API server has it."""

    uid: str = ""
    container_id: str = ""
    """Empty where a restore of a checkpoint has not come so far that it tells."""
    ready: bool = False
    failed: bool = False
    reason: str = ""
    message: str = ""
    ended_at: datetime | None = None
    deleted: bool = False
    """It is being deleted, and waits for somebody's finalizer."""

    @property
    def under_way(self) -> bool:
        """Whether it has not ended yet."""
        return not (self.ready or self.failed)

    @property
    def came_too_late(self) -> bool:
        """Whether all that kept it from saving the container is that this did not run any more."""
        return self.failed and self.reason in _NOTHING_TO_SAVE


def made(resource: Mapping[str, Any]) -> Made:
    """Read what a resource tells of itself."""
    status = resource.get("status") or {}
    known = status.get("conditions") or ()
    ready = conditions.find_condition(known, ConditionType.READY) or {}
    completed = status.get("completionTime")
    spec = resource["spec"]
    container = spec.get("containerRef") or (spec.get("source") or {}).get("containerRef")
    return Made(
        uid=resource["metadata"].get("uid", ""),
        container_id=(container or status.get("container") or {}).get("id", ""),
        deleted=bool(resource["metadata"].get("deletionTimestamp")),
        ready=ready.get("status") == ConditionStatus.TRUE,
        failed=conditions.find_condition(known, ConditionType.STALLED) is not None,
        reason=ready.get("reason", ""),
        message=ready.get("message", ""),
        ended_at=datetime.fromisoformat(completed) if completed else None,
    )


def host_label(host: str) -> str:
    """Return a host's name as a label's value, which must be shorter than names may be."""
    if len(host) <= _LABEL_LENGTH:
        return host
    digest = hashlib.sha256(host.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{host[: _LABEL_LENGTH - _DIGEST_LENGTH - 1]}-{digest}"


def checkpoint_name(host: str, boot_id: str, container: Container) -> str:
    """Return what the checkpoint of a container is called, as it runs now.

    A restore leaves the time of the start as it is; that of the last end tells runs apart then.
    """
    run = (
        *(host, boot_id, container.id),
        *(container.started_at.isoformat(), container.finished_at.isoformat()),
    )
    digest = hashlib.sha256("\0".join(run).encode()).hexdigest()[:_DIGEST_LENGTH]
    readable = re.sub("[^a-z0-9]+", "-", container.name.lower()).strip("-")[:40].strip("-")
    return "-".join(filter(None, ("drain", readable, digest)))


def namespace_of(container: ListedContainer) -> str:
    """Return the namespace that a container's resources belong into."""
    return container.labels.get(NAMESPACE_LABEL) or SYSTEM_NAMESPACE


def options_of(labels: Mapping[str, str]) -> dict[str, bool]:
    """Return what is asked for a container with these labels; all that can be, by default."""
    return {name: _VALUES.get(labels.get(label, ""), True) for label, name in DRAIN_OPTIONS.items()}


def wrong_options(labels: Mapping[str, str]) -> dict[str, str]:
    """Return those of the labels by which a container asks for something that cannot be."""
    return {
        label: labels[label] for label in DRAIN_OPTIONS if labels.get(label, "true") not in _VALUES
    }


def checkpoint_manifest(
    record: DrainedContainer,
    host: Mapping[str, Any],
    *,
    timeout_seconds: int,
    options: Mapping[str, bool],
) -> dict[str, Any]:
    """Return the checkpoint of a container that stops it."""
    spec = {
        "containerRef": {"id": record.id},
        **options,
        **_ghost_limit(host),
        "timeoutSeconds": timeout_seconds,
    }
    return _manifest(CHECKPOINTS, str(record.checkpoint), record, host, spec)


def restore_manifest(
    record: DrainedContainer,
    host: Mapping[str, Any],
    *,
    timeout_seconds: int,
    options: Mapping[str, bool],
) -> dict[str, Any]:
    """Return the restore of what a drain has saved.

    It names the container. Who may create checkpoints, and no restores, could put another one under
    the name of the drain's own.
    """
    spec = {
        "source": {"containerRef": {"id": record.id}},
        **options,
        "existingContainer": "Adopt",
        "timeoutSeconds": timeout_seconds,
    }
    return _manifest(RESTORES, str(record.restore), record, host, spec)


def _ghost_limit(host: Mapping[str, Any]) -> dict[str, Any]:
    asked = ((host.get("spec") or {}).get("drain") or {}).get("ghostLimit")
    return {"ghostLimit": asked} if asked else {}


def _manifest(
    resource: Resource,
    name: str,
    record: DrainedContainer,
    host: Mapping[str, Any],
    spec: Mapping[str, Any],
) -> dict[str, Any]:
    owner = host["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": record.namespace,
            "labels": {DRAINED_HOST_LABEL: host_label(owner["name"])},
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": HOSTS.kind,
                    "name": owner["name"],
                    "uid": owner["uid"],
                }
            ],
        },
        "spec": {"nodeName": owner["name"], **spec},
    }
