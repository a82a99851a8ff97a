"""``ContainerRestore``: one restore of one container on one host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from .common import (
    ArchiveURI,
    Command,
    CommandReport,
    ContainerRef,
    Count,
    Digest,
    ObjectName,
    OperationStatus,
    OptionalPodmanName,
    Seconds,
    SpecPart,
    StatusPart,
)

_PORTS: Final = "[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?"
_ADDRESS: Final = r"([0-9]{1,3}([.][0-9]{1,3}){3}|\[[0-9a-fA-F:.]+\])"
PUBLISH_PORT: Final = f"^(({_ADDRESS}:)?({_PORTS})?:)?{_PORTS}(/(tcp|udp|sctp))?$"
"""Podman's ``--publish``: ``[[address:][hostPort]:]containerPort[/protocol]``, ports or ranges."""


def _published(value: str) -> str:
    numbers = map(int, re.findall("[0-9]{5,}", value))
    if re.fullmatch(PUBLISH_PORT, value) is None or any(each > 65535 for each in numbers):
        raise ValueError(
            "write [[address:]hostPort:]containerPort[/protocol], "
            "for example 1433:1433 or 127.0.0.1:15432:5432/tcp"
        )
    return value


def published(ports: Iterable[str]) -> tuple[tuple[str, str, int], ...]:
    """Return address, protocol and port of each port on the host; Podman chooses others itself."""
    return tuple(_on_host(ports))


def _on_host(ports: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    for each in ports:
        mapping, _, protocol = each.partition("/")
        host, _, _ = mapping.rpartition(":")
        address, _, numbers = host.rpartition(":")
        first, _, last = numbers.partition("-")
        for port in range(int(first or 1), int(last or first or 0) + 1):
            yield address.strip("[]"), protocol or "tcp", port


PublishPort = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_published)]


class ExistingContainer(StrEnum):
    """What to do with a container on the host that has the name or ID to be restored."""

    FAIL = "Fail"
    ADOPT = "Adopt"
    REPLACE = "Replace"


class BindMountsOnTarget(StrEnum):
    """What to do with bind mounts of the archive whose sources are on the host already."""

    CREATE = "Create"
    USE_EXISTING = "UseExisting"


class CheckpointRef(SpecPart):
    """A ``ContainerCheckpoint`` of the same namespace."""

    name: ObjectName


class ArchiveSource(SpecPart):
    """An archive by its place, with the digest that its bytes must have."""

    uri: ArchiveURI
    digest: Digest


class RestoreSource(SpecPart):
    """Where the saved state is."""

    checkpoint_ref: CheckpointRef | None = None
    archive: ArchiveSource | None = None
    container_ref: ContainerRef | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [self.checkpoint_ref, self.archive, self.container_ref]
        if sum(each is not None for each in given) != 1:
            raise ValueError("set exactly one of checkpointRef, archive and containerRef")
        return self


class Verify(SpecPart):
    """The command that decides whether a restored container is as it should be."""

    exec: Command
    timeout_seconds: Seconds = 30


class RestoreSpec(SpecPart):
    """What the user asks for; immutable once created, but for ``suspend``."""

    node_name: ObjectName
    source: RestoreSource
    name: OptionalPodmanName = ""
    tcp_established: bool = False
    tcp_close: bool = False
    file_locks: bool = False
    ignore_root_fs: bool = False
    ignore_volumes: bool = False
    ignore_static_ip: bool = False
    ignore_static_mac: bool = False
    publish_ports: Annotated[tuple[PublishPort, ...], Field(max_length=100)] = ()
    pod: OptionalPodmanName = ""
    existing_container: ExistingContainer = ExistingContainer.FAIL
    bind_mounts: BindMountsOnTarget = BindMountsOnTarget.CREATE
    verify: Verify | None = None
    timeout_seconds: Seconds = 600
    suspend: bool = False

    @model_validator(mode="after")
    def _connections(self) -> Self:
        if self.tcp_established and self.tcp_close:
            raise ValueError(
                "tcpEstablished and tcpClose exclude each other: tcpEstablished keeps the "
                "connections, tcpClose closes them; set one of them"
            )
        if self.tcp_established and self.name:
            raise ValueError(
                "tcpEstablished excludes name: a connection has one owner and cannot be cloned; "
                "remove tcpEstablished, and set tcpClose if the checkpoint holds connections"
            )
        return self

    @model_validator(mode="after")
    def _in_place(self) -> Self:
        if self.source.container_ref is None:
            return self
        if self.name or self.pod or self.publish_ports:
            raise ValueError(
                "name, pod and publishPorts need an archive: a restore from containerRef "
                "continues the same container; remove them, or use source.archive or "
                "source.checkpointRef"
            )
        if self.ignore_root_fs or self.ignore_volumes:
            raise ValueError(
                "ignoreRootFS and ignoreVolumes need an archive: a restore from containerRef "
                "continues the same container; remove them, or use source.archive or "
                "source.checkpointRef"
            )
        if self.existing_container is ExistingContainer.REPLACE:
            raise ValueError(
                "existingContainer Replace needs an archive: with containerRef it would remove "
                "the very container that holds the state; use Fail or Adopt"
            )
        return self


class RestoreStatistics(StatusPart):
    """How long it took, as measured by Podman."""

    restore_microseconds: Count | None = None


class RestoreStatus(OperationStatus):
    """What the agent of the host reports."""

    statistics: RestoreStatistics | None = None
    verification: CommandReport | None = None
