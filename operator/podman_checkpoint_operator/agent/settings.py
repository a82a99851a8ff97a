"""What an administrator can set of an agent: by environment, by flags, flags first."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ..api.common import DNS_SUBDOMAIN

DEFAULT_ARCHIVE_DIR: Final = Path("/var/lib/podman-checkpoint/archives")
ENVIRONMENT_PREFIX: Final = "PODMAN_CHECKPOINT_"


class Settings(BaseModel):
    """Settings of one agent; each is also ``PODMAN_CHECKPOINT_<NAME>`` in the environment."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        extra="forbid",
        # A host name need not be a name that objects of Kubernetes can have.
        validate_default=True,
    )

    node_name: str = Field(
        default_factory=lambda: socket.gethostname().lower(), min_length=1, max_length=253
    )
    """The host's name in spec.nodeName; the host name, in lower case as a kubelet has it, unless
    set."""

    podman_url: str = "unix:///run/podman/podman.sock"
    """Where Podman's rootful API service listens."""

    host_root: Path = Path("/")
    """Where the host's file system is; other than / in a container."""

    state_dir: Path = Path("/var/lib/podman-checkpoint/state")
    """Where the journal of operations is kept; on a disk, so that it outlives a reboot."""

    archive_dir: Path = DEFAULT_ARCHIVE_DIR
    """The default store: a directory, or the mount point of a shared file system. It must exist,
    but for the default, which is made."""

    max_operations: int = Field(default=2, ge=1, le=64)
    """How many checkpoints and restores run at the same time on this host."""

    liveness: str = "http://127.0.0.1:8088/healthz"
    """Where the liveness probe is answered; empty for nowhere."""

    metrics: str = "http://127.0.0.1:8089/metrics"
    """Where Prometheus finds the metrics; empty for nowhere."""

    log_format: Literal["text", "json"] = "text"
    """Lines for people or one JSON object a line."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severity that is logged."""

    @model_validator(mode="before")
    @classmethod
    def _with_environment(cls, given: dict[str, Any]) -> dict[str, Any]:
        # pydantic-settings does this as well, for 1 MiB of the agent's memory.
        variables = {name: ENVIRONMENT_PREFIX + name.upper() for name in cls.model_fields}
        found = {
            name: os.environ[variable]
            for name, variable in variables.items()
            if variable in os.environ
        }
        return found | given

    @field_validator("node_name")
    @classmethod
    def _is_object_name(cls, value: str) -> str:
        if not re.fullmatch(DNS_SUBDOMAIN, value):
            raise ValueError(
                "must be a name that objects of Kubernetes can have: lower-case letters, digits,"
                " dashes and dots"
            )
        return value

    @field_validator("podman_url")
    @classmethod
    def _is_socket(cls, value: str) -> str:
        if not value.startswith("unix:///"):
            raise ValueError("must be the URL of a UNIX socket, unix:///run/podman/podman.sock")
        return value

    @field_validator("liveness", "metrics")
    @classmethod
    def _is_address(cls, value: str, field: ValidationInfo) -> str:
        if value and not re.fullmatch(r"http://[^/\s]+:\d{1,5}/\S*", value):
            example = cls.model_fields[str(field.field_name)].default
            raise ValueError(f"must be empty or like {example}")
        return value

    @field_validator("host_root", "state_dir", "archive_dir")
    @classmethod
    def _is_absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("must be an absolute path")
        return value
