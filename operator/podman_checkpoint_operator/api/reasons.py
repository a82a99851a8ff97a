"""The one vocabulary of condition types, reasons and causes; documented in docs/reasons.md.

A failed condition carries the cause as its reason, so that ``kubectl get`` names it in a column.
"""

from __future__ import annotations

from enum import StrEnum

from .causes import Cause
from .condition_types import ConditionType

__all__ = ["Cause", "ConditionType", "Reason"]


class Reason(StrEnum):
    """Why a condition that did not fail has its status."""

    ACCEPTED = "Accepted"
    """The agent of the host has seen the resource."""
    SUSPENDED = "Suspended"
    """`spec.suspend` is true: the operation does not begin."""
    QUEUED = "Queued"
    """Other operations of the host or of the same container go first."""
    WAITING_FOR_CHECKPOINT = "WaitingForCheckpoint"
    """The checkpoint that is to be restored is not ready yet."""
    WAITING_FOR_PODMAN = "WaitingForPodman"
    """Podman does not answer; the agent tries again until the time limit."""
    WAITING_FOR_CAPABILITIES = "WaitingForCapabilities"
    """The agent lacks capabilities; what was begun goes on when one that has them is started."""
    PREFLIGHT = "Preflight"
    """The host and the container are being checked; nothing was touched yet."""
    PREFLIGHT_PASSED = "PreflightPassed"
    """The checks found nothing that speaks against the operation."""
    RUNNING_HOOK = "RunningHook"
    """A command of `spec.hooks` runs in the container."""
    CHECKPOINTING = "Checkpointing"
    """The container's processes are being saved."""
    CHECKPOINTED = "Checkpointed"
    """The container's processes are saved on the host."""
    ARCHIVING = "Archiving"
    """The archive is being written; a container that was to go on does so again."""
    ARCHIVE_STORED = "ArchiveStored"
    """The archive is stored."""
    MOUNTS_INCLUDED = "MountsIncluded"
    """The archive needs nothing beside it but the image."""
    MOUNTS_REQUIRED = "MountsRequired"
    """Bind mounts or volumes are not in the archive; they must be there, with their content, on the
    host that restores it."""
    LAYING_DOWN = "LayingDownBindMounts"
    """The content of bind mounts is being put where it was on the host of the checkpoint."""
    VERIFYING_ARCHIVE = "VerifyingArchive"
    """The archive is read and its digest compared, before Podman sees it."""
    RESTORING = "Restoring"
    """Podman and CRIU are bringing the container back."""
    RESTORED = "Restored"
    """The container runs again."""
    VERIFYING = "Verifying"
    """The command of `spec.verify` runs in the restored container."""
    VERIFIED = "Verified"
    """The command of `spec.verify` exited with 0."""
    ADOPTED = "Adopted"
    """The container was running already, and that was accepted."""
    HOST_READY = "HostReady"
    """Containers of the host can be checkpointed and restored."""
    HEARTBEAT_LOST = "HeartbeatLost"
    """Nothing was heard of the host's agent for a while, by the API server's clock. What it had
    begun goes on when it is back."""
    HOST_UNKNOWN = "HostUnknown"
    """No agent has registered a host of the name in `spec.nodeName`."""
    DRAINING = "Draining"
    """Containers of the host are being saved; it must not be rebooted yet."""
    CANNOT_DRAIN = "CannotDrain"
    """A container of the host cannot be saved; the message names it and tells what to do. The host
    must not be rebooted."""
    DRAINED = "Drained"
    """The containers of the host are saved."""
    NOT_DRAINING = "NotDraining"
    """The host is not to be drained, and nothing of an earlier drain waits to be restored."""
    RESTORE_FAILED = "RestoreFailed"
    """A container that a drain had saved could not be restored; the message tells which, and why.
    The state is still on the host."""
    WAITS_FOR_CONTAINERS = "WaitsForContainers"
    """Other containers go first, since containers depend on each other."""
    CONTAINER_REMOVED = "ContainerRemoved"
    """The container was removed, so that there is nothing to save or to restore."""
    CONTAINER_STOPPED = "ContainerStopped"
    """The container has stopped without being saved, so that there is nothing to restore."""
