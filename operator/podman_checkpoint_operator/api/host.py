"""``PodmanHost``: one Podman host of the fleet, as its agent has registered it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, SkipValidation, WithJsonSchema

from .checkpoint import GhostLimit
from .common import ApiModel, Condition, Count, Seconds, StatusPart


class DrainPolicy(StrEnum):
    """Which running containers a drain saves."""

    LABELLED = "Labelled"
    ALL = "All"


class DrainSpec(ApiModel):
    """How the host is drained.

    A newer API server admits more than this agent knows. What it does not know must not keep it
    from the rest: from operations that nobody has asked a drain for, or from restoring.
    """

    model_config = ConfigDict(extra="ignore")

    policy: Annotated[
        DrainPolicy | str,
        Field(union_mode="left_to_right"),
        WithJsonSchema({"type": "string", "enum": [str(each) for each in DrainPolicy]}),
    ] = DrainPolicy.LABELLED
    timeout_seconds: Seconds = 600
    follow_node: bool = False
    history_limit: Annotated[int, Field(ge=0, le=1000, json_schema_extra={"format": "int64"})] = 3
    ghost_limit: SkipValidation[GhostLimit] | None = None
    """For the checkpoints, which are refused with it if it cannot be; here it is as it was sent."""


class HostSpec(ApiModel):
    """What administrators ask of the host.

    Unknown fields are left out: hosts of one fleet may have agents of several versions.
    """

    model_config = ConfigDict(extra="ignore")

    require_namespace_label: bool = False
    unschedulable: bool = False
    drain: DrainSpec = DrainSpec()


class DrainState(StrEnum):
    """How far a drain, or what follows it, is with one container."""

    PENDING = "Pending"
    CHECKPOINTING = "Checkpointing"
    SAFE = "Safe"
    FAILED = "Failed"
    GONE = "Gone"
    RESTORING = "Restoring"
    RESTORED = "Restored"
    RESTORE_FAILED = "RestoreFailed"


class DrainedContainer(StatusPart):
    """One container of a drain."""

    name: str
    id: str
    state: DrainState
    reason: str | None = None
    message: str | None = None
    started_at: datetime | None = None
    namespace: str | None = None
    checkpoint: str | None = None
    restore: str | None = None


class DrainStatus(StatusPart):
    """The last drain of the host."""

    start_time: datetime
    boot_id: str
    undrain_time: datetime | None = None
    containers: tuple[DrainedContainer, ...] = ()


class HostRuntime(StatusPart):
    """The OCI runtime that Podman uses unless a container names another."""

    name: str
    version: str


class HostCapabilities(StatusPart):
    """What depends on the host's versions and kernel."""

    pre_copy: bool
    tcp_close: bool
    criu_config_file: str


class HostStore(StatusPart):
    """Where the host's archives go, and the room there."""

    name: str
    path: str
    capacity_bytes: Count
    available_bytes: Count


class HostContainers(StatusPart):
    """The containers of the host."""

    running: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]


class HostStatus(StatusPart):
    """What the host's agent reports."""

    observed_generation: Count | None = None
    conditions: tuple[Condition, ...] = ()
    agent_version: str | None = None
    podman_version: str | None = None
    criu_version: str | None = None
    runtime: HostRuntime | None = None
    kernel_version: str | None = None
    operating_system: str | None = None
    architecture: str | None = None
    cpu_features: tuple[str, ...] = ()
    boot_id: str | None = None
    storage_driver: str | None = None
    capabilities: HostCapabilities | None = None
    stores: tuple[HostStore, ...] = ()
    containers: HostContainers | None = None
    drain: DrainStatus | None = None
