"""What of a container goes into its archive, and how ``status.volumes`` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api.checkpoint import CheckpointSpec
from ..decisions.facts import Container, Mount
from .archive_port import Contents
from .resource import Resource


def contents_of(
    container: Container, spec: CheckpointSpec, resource: Resource, host: Mapping[str, str]
) -> Contents:
    """Return where the parts of a container's archive lie.

    Args:
        container: what is archived.
        spec: what was asked for.
        resource: who asked for it.
        host: versions of the host's software, as in ``status.host``.
    """
    return Contents(
        origin={
            "nodeName": spec.node_name,
            "namespace": resource.namespace,
            "name": resource.name,
            "uid": resource.uid,
            **host,
        },
        bundle=container.bundle,
        checkpoint=container.bundle / "checkpoint",
        upper=None if spec.ignore_root_fs else container.upper,
        lowers=container.lowers,
        whole_trees=container.whole_trees,
        volumes={m.name: m.source for m in container.mounts if _included(m, spec)},
    )


def volume_reports(container: Container, spec: CheckpointSpec) -> list[dict[str, Any]]:
    """Return ``status.volumes``: each mount, and whether the archive holds its content."""
    return [
        {
            "type": mount.type,
            "source": str(mount.name or mount.source),
            "destination": str(mount.destination),
            "included": spec.archive is not None and _included(mount, spec),
        }
        for mount in container.mounts
    ]


def _included(mount: Mount, spec: CheckpointSpec) -> bool:
    return mount.type == "volume" and bool(mount.name) and not spec.ignore_volumes
