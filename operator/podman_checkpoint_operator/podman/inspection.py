"""Podman's JSON into facts: the one place that knows its field names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..api.names import NAMESPACE_LABEL, UNIT_LABEL
from ..decisions.container_list import ListedContainer
from ..decisions.facts import (
    Container,
    Endpoint,
    Host,
    Mount,
    Neighbour,
    Network,
    Pod,
    RestartPolicy,
    State,
)

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
        published=tuple(_published(host_config.get("PortBindings") or {})),
        checkpointed=bool(state.get("Checkpointed")),
        restart_policy=_restart_policy(host_config.get("RestartPolicy") or {}),
        namespace=(config.get("Labels") or {}).get(NAMESPACE_LABEL),
        unit=(config.get("Labels") or {}).get(UNIT_LABEL, ""),
        conmon_pid_file=Path(data["ConmonPidFile"]) if data.get("ConmonPidFile") else None,
        health_check=_is_checked(config.get("Healthcheck") or {}),
        infra=bool(data.get("IsInfra")),
        joined=_joined(host_config),
        network_of=_other_container(str(host_config.get("NetworkMode"))),
        dependencies=tuple(data.get("Dependencies") or ()),
    )


def listed_container(data: Mapping[str, Any]) -> ListedContainer:
    """Read one entry of the answer of ``GET /containers/json``."""
    return ListedContainer(
        id=data["Id"],
        name=data["Names"][0],
        labels=dict(data.get("Labels") or {}),
        state=_state(str(data.get("State", ""))),
        started_at=datetime.fromtimestamp(max(0, int(data.get("StartedAt") or 0)), UTC),
        pod=data.get("Pod") or "",
    )


def pod_from_inspect(data: Mapping[str, Any]) -> Pod:
    """Read the answer of ``GET /pods/{name}/json``."""
    infra_id = data.get("InfraContainerID") or ""
    return Pod(
        id=data["Id"],
        name=data["Name"],
        infra_id=infra_id,
        shared=tuple(data.get("SharedNamespaces") or ()),
        members=tuple(
            each["Name"]
            for each in data.get("Containers") or ()
            if each["Id"] != infra_id and each.get("State") == "running"
        ),
        unit=(data.get("Labels") or {}).get(UNIT_LABEL, ""),
    )


def _joined(host_config: Mapping[str, Any]) -> tuple[str, ...]:
    modes = [str(value) for key, value in host_config.items() if key.endswith("Mode")]
    return tuple(dict.fromkeys(filter(None, map(_other_container, modes))))


def _other_container(mode: str) -> str:
    """Return the ID in a namespace's mode ``container:ID``, and nothing of other modes."""
    kind, _, container_id = mode.partition(":")
    return container_id if kind == "container" else ""


def network_from_inspect(data: Mapping[str, Any]) -> Network:
    """Read the answer of ``GET /networks/{name}/json``; Podman before 5 names no containers."""
    name = data["name"]
    attached: Mapping[str, Any] = data.get("containers") or {}
    return Network(
        name=name,
        subnets=tuple(subnet["subnet"] for subnet in data.get("subnets") or ()),
        neighbours=tuple(
            Neighbour(container_id, str(each.get("name", "")), _endpoint(name, interface))
            for container_id, each in attached.items()
            for interface in (each.get("interfaces") or {}).values()
        ),
    )


def endpoints_from_status(status: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """Read ``network.status`` of a container's bundle."""
    return tuple(
        _endpoint(name, interface)
        for name, network in status.items()
        for interface in (network.get("interfaces") or {}).values()
    )


def _endpoint(network: str, interface: Mapping[str, Any]) -> Endpoint:
    subnets = interface.get("subnets") or ()
    addresses = tuple(str(subnet["ipnet"]).partition("/")[0] for subnet in subnets)
    return Endpoint(network, addresses, interface.get("mac_address", ""))


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
        copy_dir=Path(store.get("imageCopyTmpDir") or Host.copy_dir),
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


def _published(bindings: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Read ``{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}``."""
    for inside, outside in bindings.items():
        for each in outside or ():
            if port := int(each.get("HostPort") or 0):
                yield each.get("HostIp") or "", inside.partition("/")[2] or "tcp", port


def _restart_policy(policy: Mapping[str, Any]) -> RestartPolicy:
    return RestartPolicy(policy.get("Name") or "no", int(policy.get("MaximumRetryCount") or 0))


def _is_checked(health_check: Mapping[str, Any]) -> bool:
    test: list[str] = health_check.get("Test") or ["NONE"]
    return test[0] != "NONE"


def _mount(mount: Mapping[str, Any]) -> Mount:
    return Mount(
        type=mount["Type"],
        source=Path(mount.get("Source", "")),
        destination=Path(mount["Destination"]),
        name=mount.get("Name", ""),
        writable=bool(mount.get("RW", True)),
    )
