"""What an archive says about its container, as far as a restore depends on it.

Everything comes from files that Podman wrote, or somebody who pretends to be Podman: fields may be
missing or of the wrong type, and are then empty here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import members
from .tarwalk import corrupt

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ARCHITECTURES: Final = {
    "SCMP_ARCH_X86_64": "amd64",
    "SCMP_ARCH_AARCH64": "arm64",
    "SCMP_ARCH_S390X": "s390x",
    "SCMP_ARCH_PPC64LE": "ppc64le",
    "SCMP_ARCH_RISCV64": "riscv64",
}
"""The first architecture of a seccomp profile is the host's own."""

_SHARED: Final = ("cgroup", "ipc", "net", "pid", "user", "uts")
"""Namespaces that a container can have from another, as ``config.dump`` begins their names."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network that the container was connected to."""

    name: str
    static_ips: tuple[str, ...]
    """Asked for when the container was made."""
    addresses: tuple[str, ...]
    """It had at the checkpoint, and gets again; with the length of the prefix."""
    mac: str
    """It had at the checkpoint, and gets again."""
    static_mac: str
    """Asked for when the container was made."""


@dataclass(frozen=True, slots=True)
class Port:
    """A published port, or a range of them."""

    host_ip: str
    host_port: int
    container_port: int
    count: int
    protocol: str
    """``tcp``, ``udp``, ``sctp``, or several with commas between."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A named volume."""

    name: str
    destination: str


@dataclass(frozen=True, slots=True)
class BindMount:
    """A path of the host that has to be there for the restore."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class ArchiveMetadata:
    """The container of an archive. Strings are empty where the archive does not say."""

    id: str
    name: str
    image_id: str
    image_name: str
    runtime: str
    pod: str
    shared_namespaces: tuple[str, ...]
    """Those of another container that it was in, such as ``net``; in a pod, the infra container."""
    architecture: str
    """In Go's spelling, such as ``amd64``."""
    networks: tuple[Network, ...]
    ports: tuple[Port, ...]
    volumes: tuple[Volume, ...]
    bind_mounts: tuple[BindMount, ...]
    labels: Mapping[str, str]
    origin: Mapping[str, str]
    """What this operator noted when it wrote the archive; empty for archives made by Podman."""


def parse_metadata(files: Mapping[str, bytes]) -> ArchiveMetadata:
    """Interpret the metadata members of an archive.

    Args:
        files: Content by member name; ``config.dump`` and ``spec.dump`` are required.

    Raises:
        OperationFailed: A required file is missing or not JSON.
    """
    config = _json_object(members.CONFIG, files)
    spec = _json_object(members.SPEC, files)
    status = _optional(members.NETWORK_STATUS, files)
    origin = _optional(members.ORIGIN, files)
    container_id = _text(config, "id")
    if not container_id:
        raise corrupt(f"{members.CONFIG} names no container")
    namespaces = _namespaces(config)
    volumes = tuple(
        Volume(_text(volume, "volumeName"), _text(volume, "dest"))
        for volume in _objects(config, "namedVolumes")
    )
    return ArchiveMetadata(
        id=container_id,
        name=_text(config, "name"),
        image_id=_text(config, "rootfsImageID"),
        image_name=_text(config, "rootfsImageName"),
        runtime=_text(config, "runtime"),
        pod=_text(config, "pod"),
        shared_namespaces=tuple(namespaces),
        architecture=_text(origin, "architecture") or _architecture(spec),
        networks=_networks(config, status),
        ports=tuple(_port(port) for port in _objects(config, "newPortMappings")),
        volumes=volumes,
        bind_mounts=_bind_mounts(spec, {container_id, *namespaces.values()}, volumes),
        labels=_strings(config.get("labels")),
        origin=_strings(origin),
    )


def _strings(values: object) -> dict[str, str]:
    pairs = values.items() if isinstance(values, dict) else ()
    return {key: value for key, value in pairs if isinstance(value, str)}


def _namespaces(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the shared namespaces, and the container that each is of."""
    owners = {name: _text(config, f"{name}NsCtr") for name in _SHARED}
    return {name: owner for name, owner in owners.items() if owner}


def _bind_mounts(
    spec: Mapping[str, Any], podmans: Collection[str], volumes: tuple[Volume, ...]
) -> tuple[BindMount, ...]:
    """List the user's bind mounts.

    Podman's own lie in the bundle of the container, or in that of the one whose namespaces it is
    in: ``podmans`` are their IDs.
    """
    own = [f"/{container_id}/userdata/" for container_id in podmans]
    of_volumes = {volume.destination for volume in volumes}
    return tuple(
        BindMount(_text(mount, "source"), _text(mount, "destination"))
        for mount in _objects(spec, "mounts")
        if _text(mount, "type") == "bind"
        and not any(bundle in _text(mount, "source") for bundle in own)
        and _text(mount, "destination") not in of_volumes
    )


def _networks(config: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Network, ...]:
    options = _network_options(config)
    return tuple(
        Network(
            name=name,
            static_ips=_texts(asked, "static_ips"),
            addresses=tuple(
                _text(subnet, "ipnet")
                for interface in _interfaces(status, name)
                for subnet in _objects(interface, "subnets")
            ),
            mac=next((_text(i, "mac_address") for i in _interfaces(status, name)), "")
            or _text(asked, "static_mac"),
            static_mac=_text(asked, "static_mac"),
        )
        for name, asked in options.items()
    )


def _network_options(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return each network's options: a list since Podman 6, an object by name before."""
    ordered = {_text(item, "name"): item for item in _objects(config, "orderedNetworks")}
    return ordered or {
        name: _object(_object(config, "newNetworks"), name)
        for name in _object(config, "newNetworks")
    }


def _interfaces(status: Mapping[str, Any], network: str) -> list[Mapping[str, Any]]:
    interfaces = _object(_object(status, network), "interfaces")
    return [_object(interfaces, name) for name in interfaces]


def _port(mapping: Mapping[str, Any]) -> Port:
    return Port(
        host_ip=_text(mapping, "host_ip"),
        host_port=_number(mapping, "host_port"),
        container_port=_number(mapping, "container_port"),
        count=max(1, _number(mapping, "range")),
        protocol=_text(mapping, "protocol") or "tcp",
    )


def _architecture(spec: Mapping[str, Any]) -> str:
    seccomp = _object(_object(spec, "linux"), "seccomp")
    known = (name for name in _texts(seccomp, "architectures") if name in _ARCHITECTURES)
    return _ARCHITECTURES.get(next(known, ""), "")


def _json_object(name: str, files: Mapping[str, bytes]) -> Mapping[str, Any]:
    if name not in files:
        raise corrupt(f"{name} is missing, so it is not a Podman checkpoint")
    try:
        document = json.loads(files[name])
    except (ValueError, RecursionError) as error:
        raise corrupt(f"{name} is not JSON") from error
    if not isinstance(document, dict):
        raise corrupt(f"{name} is not a JSON object")
    return document


def _optional(name: str, files: Mapping[str, bytes]) -> Mapping[str, Any]:
    # Podman writes "null" for a container without networks.
    if name not in files or files[name].strip() in (b"", b"null"):
        return {}
    return _json_object(name, files)


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _objects(parent: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = parent.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(parent: Mapping[str, Any], key: str) -> str:
    value = parent.get(key)
    return value if isinstance(value, str) else ""


def _texts(parent: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = parent.get(key)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _number(parent: Mapping[str, Any], key: str) -> int:
    value = parent.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
