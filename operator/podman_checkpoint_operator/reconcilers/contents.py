"""What of a container goes into its archive, and how status tells it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..api.checkpoint import BindMountsInArchive, CheckpointSpec
from ..api.reasons import ConditionType, Reason
from ..decisions.bind_mounts import outermost, why_left_out
from ..decisions.facts import Container, Mount
from ..decisions.preflight import listed
from .archive_port import Contents
from .bind_port import BindSources
from .machine_port import Machine
from .operation import Operation
from .resource import Resource


def origin_of(
    spec: CheckpointSpec,
    resource: Resource,
    status: Mapping[str, Any],
    cpu_features: Collection[str],
) -> dict[str, str]:
    """Return what is kept with a checkpoint of where it was taken, and for which resource.

    Args:
        spec: what was asked for.
        resource: who asked for it.
        status: with the host's versions.
        cpu_features: of the host.
    """
    return {
        "nodeName": spec.node_name,
        "namespace": resource.namespace,
        "name": resource.name,
        "uid": resource.uid,
        **(status.get("host") or {}),
        "cpuFeatures": " ".join(sorted(cpu_features)),
    }


def contents_of(
    container: Container,
    spec: CheckpointSpec,
    resource: Resource,
    status: Mapping[str, Any],
    cpu_features: Collection[str],
) -> Contents:
    """Return where the parts of a container's archive lie.

    Args:
        container: what is archived.
        spec: what was asked for.
        resource: who asked for it.
        status: with the host's versions, and with :func:`report_mounts` done.
        cpu_features: of the host.
    """
    included = {
        each["destination"] for each in status.get("volumes") or () if each["included"] is True
    }
    mounts = [mount for mount in container.mounts if str(mount.destination) in included]
    binds = outermost([mount.source for mount in mounts if mount.type == "bind"])
    return Contents(
        origin=origin_of(spec, resource, status, cpu_features),
        bundle=container.bundle,
        checkpoint=container.bundle / "checkpoint",
        upper=None if spec.ignore_root_fs else container.upper,
        lowers=container.lowers,
        whole_trees=container.whole_trees,
        volumes={mount.name: mount.source for mount in mounts if mount.type == "volume"},
        bind_mounts={source: source for source in binds},
    )


def report_mounts(
    operation: Operation,
    container: Container,
    spec: CheckpointSpec,
    machine: Machine,
    archives: Path,
) -> None:
    """Decide what of a container's mounts goes into its archive, and tell it in status.

    What was decided once counts: a mount that vanishes meanwhile is not silently left out.

    Args:
        operation: whose status tells it.
        container: that has the mounts.
        spec: what was asked for.
        machine: its host.
        archives: the directory that archives are written to.
    """
    stores = {"the archive directory": archives, "Podman's storage": container.bundle.parents[2]}
    sources = machine.bind_sources()
    reports = [
        _report(mount, spec, _why_left_out(mount, spec, sources, stores))
        for mount in container.mounts
    ]
    operation.status["volumes"] = reports
    if spec.archive is None:
        return
    left = [report["source"] for report in reports if not report["included"]]
    if left:
        operation.state(
            ConditionType.MOUNTS_INCLUDED,
            False,
            Reason.MOUNTS_REQUIRED,
            f"Not in the archive, and needed on the host that restores it: {listed(left, most=20)}",
        )
    else:
        operation.state(
            ConditionType.MOUNTS_INCLUDED,
            True,
            Reason.MOUNTS_INCLUDED,
            "The archive holds the content of all mounts",
        )


def _report(mount: Mount, spec: CheckpointSpec, reason: str) -> dict[str, Any]:
    report: dict[str, Any] = {
        "type": mount.type,
        "source": str(mount.name or mount.source),
        "destination": str(mount.destination),
        "included": spec.archive is not None and not reason,
    }
    if spec.archive is not None and reason:
        report["reason"] = reason
    return report


def _why_left_out(
    mount: Mount, spec: CheckpointSpec, sources: BindSources, stores: Mapping[str, Path]
) -> str:
    if mount.type == "volume" and mount.name:
        return "spec.ignoreVolumes is set" if spec.ignore_volumes else ""
    if mount.type != "bind":
        return f"a mount of type {mount.type} has no content of its own"
    if reason := why_left_out(mount.source, sources.kind(mount.source), stores):
        return reason
    wanted = spec.archive and spec.archive.bind_mounts is BindMountsInArchive.INCLUDE
    return "" if wanted else "spec.archive.bindMounts is Exclude"
