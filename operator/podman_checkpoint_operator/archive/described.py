"""The container and its host, as an archive's metadata describe them, in the words of a report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..api.archive_report import (
    BindMountReport,
    ContainerReport,
    NetworkReport,
    OriginReport,
    PortReport,
    TreeReport,
)
from ..api.common import to_camel
from . import members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .metadata import ArchiveMetadata, BindMount, Port


def container_report(
    metadata: ArchiveMetadata, files: Mapping[str, bytes], contents: Mapping[str, TreeReport]
) -> ContainerReport:
    """Describe the container, leaving out whatever may be secret.

    Args:
        metadata: of the archive.
        files: the members that it comes from, which say a little more.
        contents: what is in the archive of bind mounts, by their sources.
    """
    process = _object(json.loads(files[members.SPEC]), "process")
    command = _texts(process.get("args"))
    created = json.loads(files[members.CONFIG]).get("createdTime")
    return ContainerReport(
        id=metadata.id,
        name=metadata.name,
        image=metadata.image_name,
        image_id=metadata.image_id,
        created=created if isinstance(created, str) else None,
        runtime=metadata.runtime,
        pod=metadata.pod or None,
        architecture=metadata.architecture or None,
        command=command[0] if command else None,
        argument_count=max(len(command) - 1, 0),
        environment=tuple(each.partition("=")[0] for each in _texts(process.get("env"))),
        networks=tuple(
            NetworkReport(name=each.name, addresses=each.addresses, mac=each.mac or None)
            for each in metadata.networks
        ),
        ports=tuple(map(_port, metadata.ports)),
        bind_mounts=tuple(
            _bind_mount(each, contents.get(each.source)) for each in metadata.bind_mounts
        ),
    )


def origin_report(origin: Mapping[str, str]) -> OriginReport | None:
    """Describe where the checkpoint was taken, if the archive tells."""
    if not origin:
        return None
    known = {name: origin.get(to_camel(name)) for name in OriginReport.model_fields}
    return OriginReport(**known)


def _port(port: Port) -> PortReport:
    return PortReport(
        host_ip=port.host_ip or None,
        host_port=port.host_port,
        container_port=port.container_port,
        count=port.count,
        protocol=port.protocol,
    )


def _bind_mount(mount: BindMount, content: TreeReport | None) -> BindMountReport:
    return BindMountReport(
        source=mount.source,
        destination=mount.destination,
        included=content is not None,
        files=content.files if content else 0,
        size_bytes=content.size_bytes if content else 0,
    )


def _object(parent: Any, key: str) -> dict[str, Any]:
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
