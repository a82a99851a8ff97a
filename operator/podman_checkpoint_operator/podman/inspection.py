"""Podman's JSON into facts: the one place that knows its field names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..decisions.facts import Container, Host, Mount, State

_FRACTION: Final = re.compile(r"\.(\d{1,6})\d*")


def container_from_inspect(data: Mapping[str, Any]) -> Container:
    """Read the answer of ``GET /containers/{name}/json``."""
    state: Mapping[str, Any] = data["State"]
    config: Mapping[str, Any] = data.get("Config") or {}
    host_config: Mapping[str, Any] = data.get("HostConfig") or {}
    driver: Mapping[str, Any] = data.get("GraphDriver") or {}
    layers: Mapping[str, str] = driver.get("Data") or {}
    return Container(
        id=data["Id"],
        name=data["Name"],
        image=data.get("ImageName", ""),
        image_id=data.get("Image", ""),
        runtime=data.get("OCIRuntime", ""),
        state=_state(str(state.get("Status", ""))),
        pid=int(state.get("Pid") or 0),
        started_at=parse_time(state.get("StartedAt")),
        finished_at=parse_time(state.get("FinishedAt")),
        # OCIConfigPath lies there too, but is empty from a reboot until the next start.
        bundle=Path(data["StaticDir"]),
        storage_driver=driver.get("Name", ""),
        upper=Path(layers["UpperDir"]) if layers.get("UpperDir") else None,
        lowers=tuple(Path(low) for low in layers.get("LowerDir", "").split(":") if low),
        mounts=tuple(_mount(mount) for mount in data.get("Mounts") or ()),
        auto_remove=bool(host_config.get("AutoRemove")),
        init=bool(host_config.get("Init")),
        user_namespace=bool(host_config.get("IDMappings")),
        pod=data.get("Pod") or "",
        annotations=dict(config.get("Annotations") or {}),
        exec_sessions=tuple(data.get("ExecIDs") or ()),
        health_check=_is_checked(config.get("Healthcheck") or {}),
    )


def host_from_info(info: Mapping[str, Any], *, criu_version: str) -> Host:
    """Read the answer of ``GET /info``; what Podman does not know is given beside it."""
    host: Mapping[str, Any] = info["host"]
    store: Mapping[str, Any] = info["store"]
    runtime: Mapping[str, Any] = host.get("ociRuntime") or {}
    return Host(
        podman_version=str(info["version"]["Version"]),
        criu_version=criu_version,
        kernel_version=str(host.get("kernel", "")),
        architecture=str(host.get("arch", "")),
        runtime=str(runtime.get("name", "")),
        runtime_version=str(runtime.get("version", "")),
        rootless=bool((host.get("security") or {}).get("rootless")),
        cgroup_version=str(host.get("cgroupVersion", "")),
        graph_root=Path(store["graphRoot"]),
        storage_driver=str(store.get("graphDriverName", "")),
    )


def parse_time(text: str | None) -> datetime:
    """Read Go's RFC 3339 time with nanoseconds; Podman's "never" is year 1."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(_FRACTION.sub(_microseconds, text, count=1)).astimezone(UTC)


def _microseconds(match: re.Match[str]) -> str:
    return f".{match.group(1):0<6}"


def _state(status: str) -> State:
    try:
        return State(status)
    except ValueError:
        return State.OTHER


def _is_checked(health_check: Mapping[str, Any]) -> bool:
    test: list[str] = health_check.get("Test") or ["NONE"]
    return test[0] != "NONE"


def _mount(mount: Mapping[str, Any]) -> Mount:
    return Mount(
        type=mount["Type"],
        source=Path(mount.get("Source", "")),
        destination=Path(mount["Destination"]),
        name=mount.get("Name", ""),
    )
