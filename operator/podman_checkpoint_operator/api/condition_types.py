"""Types of conditions, a part of the vocabulary of :mod:`.reasons`."""

from __future__ import annotations

from enum import StrEnum


class ConditionType(StrEnum):
    """Types of ``status.conditions``; the first three follow kstatus."""

    READY = "Ready"
    """The operation is complete and its result is usable: a checkpoint that can be restored, or a
    restored container that runs."""
    RECONCILING = "Reconciling"
    """The agent is at work or waits for something; removed when it is done."""
    STALLED = "Stalled"
    """The operation has failed for good, and trying again by itself would not help; removed
    unless true."""
    CHECKPOINTED = "Checkpointed"
    """CRIU has saved the container's processes."""
    ARCHIVE_STORED = "ArchiveStored"
    """The archive is whole, durable and under its final name."""
    MOUNTS_INCLUDED = "MountsIncluded"
    """The archive holds the content of everything that is mounted into the container. Where it does
    not, `status.volumes` tells which must be on the host that restores it, and why."""
    PREFLIGHT_PASSED = "PreflightPassed"
    """What could be checked beforehand does not speak against the operation."""
    RESTORED = "Restored"
    """Podman and CRIU have brought the container back."""
    VERIFIED = "Verified"
    """The command of `spec.verify` found the restored container as it should be."""
    DRAINED = "Drained"
    """Of a host that is to be drained: every running container that opted in is saved, and the host
    may be rebooted."""
