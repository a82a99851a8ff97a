"""What both kinds share: the base of all models, and the parts that their specs and statuses have.

The models hold what the API server has admitted by the CRDs' schemas and rules. They check the same
things again, with the same messages, so that the agent and ``kubectl apply`` never disagree.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_INITIALISMS: Final = {"fs": "FS", "ip": "IP", "mac": "MAC", "id": "ID"}


def to_camel(name: str) -> str:
    """Return the API's name of a field: ``ignore_root_fs`` is ``ignoreRootFS``."""
    first, *rest = name.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


class ApiModel(BaseModel):
    """A part of a resource: snake_case in Python, camelCase in YAML, never changed once read."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    def dump(self) -> dict[str, Any]:
        """Return the part as the API server takes it: JSON types, unset fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class SpecPart(ApiModel):
    """What a user asks for. An unknown field is an error: it would be a wish nobody fulfils."""

    model_config = ConfigDict(extra="forbid")


class StatusPart(ApiModel):
    """What an agent has reported. Unknown fields are left out: a newer agent may have written."""

    model_config = ConfigDict(extra="ignore")


LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS_SUBDOMAIN: Final = rf"^{LABEL}(\.{LABEL})*$"
PODMAN_NAME: Final = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"
OPTIONAL_PODMAN_NAME: Final = r"^([a-zA-Z0-9][a-zA-Z0-9_.-]*)?$"

ObjectName = Annotated[str, StringConstraints(pattern=DNS_SUBDOMAIN, max_length=253)]
PodmanName = Annotated[str, StringConstraints(pattern=PODMAN_NAME, max_length=253)]
OptionalPodmanName = Annotated[str, StringConstraints(pattern=OPTIONAL_PODMAN_NAME, max_length=253)]
ContainerID = Annotated[str, StringConstraints(pattern="^[0-9a-f]{12,64}$", max_length=64)]
Digest = Annotated[str, StringConstraints(pattern="^sha256:[0-9a-f]{64}$", max_length=71)]
ArchiveURI = Annotated[str, StringConstraints(pattern="^file:///.+$", max_length=4096)]
Seconds = Annotated[int, Field(ge=1, le=86400, json_schema_extra={"format": "int64"})]
Count = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
"""A number of bytes, pages or microseconds."""


class Compression(StrEnum):
    """How an archive is compressed."""

    ZSTD = "zstd"
    GZIP = "gzip"
    NONE = "none"


class CheckResult(StrEnum):
    """What a preflight check found; only ``FAIL`` stops the operation."""

    PASS = "Pass"
    WARN = "Warn"
    FAIL = "Fail"


class ConditionStatus(StrEnum):
    """The three values of a condition's status."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class ContainerRef(SpecPart):
    """A container of the host, by its name or by its ID."""

    name: PodmanName | None = None
    id: ContainerID | None = None

    @property
    def key(self) -> str:
        """What Podman looks the container up by."""
        return self.name or self.id or ""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.name is None) == (self.id is None):
            raise ValueError("set exactly one of name and id")
        return self


class Command(SpecPart):
    """What to run in a container: a program and its arguments, not run by a shell."""

    command: Annotated[
        tuple[Annotated[str, Field(max_length=4096)], ...], Field(min_length=1, max_length=64)
    ]


class CommandReport(StatusPart):
    """How a command in the container ended, and what it said."""

    exit_code: Annotated[int, Field(json_schema_extra={"format": "int64"})] | None = None
    output: str = ""


class Condition(StatusPart):
    """``metav1.Condition``; :mod:`.conditions` changes lists of them."""

    type: str
    status: ConditionStatus
    reason: str
    message: str
    last_transition_time: datetime
    observed_generation: Count | None = None


class PreflightCheck(StatusPart):
    """One thing that was looked at before the container was touched."""

    check: str
    result: CheckResult
    message: str


class ContainerIdentity(StatusPart):
    """The container that the operation is about, as Podman knows it."""

    id: str
    name: str
    image: str | None = None
    image_id: str | None = None
    runtime: str | None = None


class Diagnosis(StatusPart):
    """Why the operation failed: cause, evidence and cure."""

    cause: str
    evidence: str | None = None
    remedy: str | None = None


class OperationStatus(StatusPart):
    """What the status of every kind holds."""

    observed_generation: Count | None = None
    conditions: tuple[Condition, ...] = ()
    start_time: datetime | None = None
    completion_time: datetime | None = None
    preflight: tuple[PreflightCheck, ...] = ()
    container: ContainerIdentity | None = None
    diagnosis: Diagnosis | None = None

    def condition(self, type_: str) -> Condition | None:
        """Return the condition of that type, if there is one."""
        return next((each for each in self.conditions if each.type == type_), None)
