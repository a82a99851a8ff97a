"""``ContainerCheckpoint``: one checkpoint of one container on one host."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from pydantic import model_validator

from .common import (
    ArchiveURI,
    Command,
    CommandReport,
    Compression,
    ContainerRef,
    Count,
    Digest,
    ObjectName,
    OperationStatus,
    Seconds,
    SpecPart,
    StatusPart,
)
from .quantity import Quantity, parse_quantity

DEFAULT_MAX_GHOST_LIMIT: Final = 2**30
"""How far policy ``Auto`` may raise the ghost limit when the user sets no ``max``, in bytes."""


class DeletionPolicy(StrEnum):
    """What happens to the archive when its resource is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class GhostLimitPolicy(StrEnum):
    """Who sets CRIU's limit for deleted files that are still open."""

    AUTO = "Auto"
    FIXED = "Fixed"
    DISABLED = "Disabled"


class BindMountsInArchive(StrEnum):
    """Whether the content of bind mounts goes into the archive."""

    EXCLUDE = "Exclude"
    INCLUDE = "Include"


class ArchiveSpec(SpecPart):
    """How the archive is to be written."""

    compression: Compression = Compression.ZSTD
    bind_mounts: BindMountsInArchive = BindMountsInArchive.EXCLUDE


class GhostLimit(SpecPart):
    """How large a deleted file that is still open may be to go into the checkpoint."""

    policy: GhostLimitPolicy = GhostLimitPolicy.AUTO
    limit: Quantity | None = None
    max: Quantity | None = None

    @property
    def limit_bytes(self) -> int | None:
        """``limit`` in bytes: exactly this with ``FIXED``, at least this with ``AUTO``."""
        return None if self.limit is None else parse_quantity(self.limit)

    @property
    def max_bytes(self) -> int:
        """The bytes that ``AUTO`` never goes beyond."""
        return DEFAULT_MAX_GHOST_LIMIT if self.max is None else parse_quantity(self.max)

    @model_validator(mode="after")
    def _policy_fits(self) -> Self:
        if self.policy is GhostLimitPolicy.FIXED and self.limit is None:
            raise ValueError(
                "policy Fixed needs limit: set limit, for example 40M, or use policy Auto"
            )
        if self.policy is GhostLimitPolicy.DISABLED and (self.limit, self.max) != (None, None):
            raise ValueError(
                "policy Disabled takes neither limit nor max: remove them, or use policy Auto"
            )
        return self

    @model_validator(mode="after")
    def _limit_within_max(self) -> Self:
        if self.limit_bytes == 0 or self.max_bytes == 0:
            raise ValueError("limit and max must be greater than zero")
        bounded = self.max is not None or self.policy is GhostLimitPolicy.AUTO
        if bounded and self.limit_bytes is not None and self.limit_bytes > self.max_bytes:
            raise ValueError(
                "limit must not be greater than max (1Gi where it is not set): "
                "lower limit or raise max"
            )
        return self


class OnError(StrEnum):
    """What a hook that fails means for the checkpoint."""

    FAIL = "Fail"
    CONTINUE = "Continue"


class Hook(SpecPart):
    """A command that runs in the container."""

    exec: Command
    timeout_seconds: Seconds = 30
    on_error: OnError = OnError.FAIL


class Hooks(SpecPart):
    """What runs in the container before it is dumped, and when it runs on."""

    pre_checkpoint: Hook | None = None
    post_checkpoint: Hook | None = None


class CheckpointSpec(SpecPart):
    """What the user asks for; immutable once created, but for ``suspend``."""

    node_name: ObjectName
    container_ref: ContainerRef
    leave_running: bool = False
    tcp_established: bool = False
    file_locks: bool = False
    ignore_root_fs: bool = False
    ignore_volumes: bool = False
    pre_copy: bool = False
    archive: ArchiveSpec | None = None
    ghost_limit: GhostLimit = GhostLimit()
    hooks: Hooks | None = None
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    timeout_seconds: Seconds = 600
    suspend: bool = False

    @model_validator(mode="after")
    def _hooks_where_it_runs(self) -> Self:
        if self.hooks and self.hooks.post_checkpoint and not self.leave_running:
            raise ValueError(
                "hooks.postCheckpoint needs leaveRunning: a container that has stopped cannot run "
                "a command; set leaveRunning, or remove hooks.postCheckpoint"
            )
        return self

    @model_validator(mode="after")
    def _archive_where_needed(self) -> Self:
        if self.archive is not None:
            return self
        if self.leave_running:
            raise ValueError(
                "leaveRunning needs archive: a live checkpoint left only on the host cannot be "
                "restored safely, since the container's files move on; set archive, or set "
                "leaveRunning to false"
            )
        if self.deletion_policy is DeletionPolicy.DELETE:
            raise ValueError(
                "deletionPolicy Delete needs archive: without one there is nothing to delete; "
                "set archive, or use deletionPolicy Retain"
            )
        if self.ignore_root_fs or self.ignore_volumes:
            raise ValueError(
                "ignoreRootFS and ignoreVolumes need archive: they choose what goes into it; "
                "set archive, or remove them"
            )
        return self


class HookReport(CommandReport):
    """How a hook ended."""

    name: str


class HostFacts(StatusPart):
    """The software that made the checkpoint; a restore elsewhere is compared with it."""

    podman_version: str | None = None
    criu_version: str | None = None
    kernel_version: str | None = None
    architecture: str | None = None


class StoredArchive(StatusPart):
    """The archive on durable storage under its final name."""

    uri: ArchiveURI
    size_bytes: Count
    digest: Digest
    compression: Compression


class GhostLimitAttempt(StatusPart):
    """A checkpoint that CRIU refused since a deleted, open file was larger than the limit."""

    path: str
    size_bytes: Count
    limit_bytes: Count


class GhostLimitReport(StatusPart):
    """What was predicted, what was set, and where."""

    limit_bytes: Count | None = None
    config_file: str | None = None
    predicted_bytes: Count | None = None
    attempts: tuple[GhostLimitAttempt, ...] = ()


class CheckpointStatistics(StatusPart):
    """How long it took and how much was saved, as measured by CRIU and by the agent."""

    frozen_microseconds: Count | None = None
    memdump_microseconds: Count | None = None
    memwrite_microseconds: Count | None = None
    pages_scanned: Count | None = None
    pages_written: Count | None = None
    pages_pre_copied: Count | None = None
    paused_microseconds: Count | None = None


class VolumeReport(StatusPart):
    """A mount of the container, and whether the archive holds its content."""

    type: str
    source: str | None = None
    destination: str
    included: bool
    reason: str | None = None


class CheckpointStatus(OperationStatus):
    """What the agent of the host reports."""

    host: HostFacts | None = None
    archive: StoredArchive | None = None
    ghost_limit: GhostLimitReport | None = None
    statistics: CheckpointStatistics | None = None
    hooks: tuple[HookReport, ...] = ()
    volumes: tuple[VolumeReport, ...] = ()
