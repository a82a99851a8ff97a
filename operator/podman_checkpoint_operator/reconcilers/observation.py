"""Everything that can stand in the way of a checkpoint, seen before the container is touched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ..api.checkpoint import CheckpointSpec
from ..decisions import checkpoint_preflight as preflight
from ..decisions import cold_start, pod_preflight
from ..decisions.cgroup_preflight import cgroup_check
from ..decisions.facts import Container, Host, Mount, Pod, Processes, Space
from ..decisions.option_preflight import pre_copy_checks
from ..decisions.preflight import Check
from ..decisions.shared_mounts import copied, shared_mount_checks
from ..decisions.space_preflight import space_checks
from ..decisions.starters import Starters
from ..decisions.tenancy import Tenant
from .archive_port import Contents
from .machine_port import Machine

_SESSION_LOOKS: Final = 6
_BETWEEN_LOOKS_SECONDS: Final = 0.5
# CRIU's images are the memory plus tables; the same again may pass through the archive.
_IMAGE_OVERHEAD: Final = 16 << 20


@dataclass
class Observation:
    """What was seen of a host and a container, and what the rules say of it."""

    host: Host
    checks: list[Check]
    processes: Processes = field(default_factory=Processes)
    """Empty where an earlier check has failed."""

    def host_facts(self) -> dict[str, str]:
        """Return ``status.host``."""
        return {
            "podmanVersion": self.host.podman_version,
            "criuVersion": self.host.criu_version,
            "kernelVersion": self.host.kernel_version,
            "architecture": self.host.architecture,
        }


def observe(
    container: Container,
    spec: CheckpointSpec,
    *,
    machine: Machine,
    contents: Contents,
    archives: Path,
    pod: Pod | None,
    tenant: Tenant,
    others: Sequence[Container] = (),
) -> Observation:
    """Look at the host, the container, its processes, and the room for their images.

    Args:
        container: to be checkpointed.
        spec: what is asked for.
        machine: the container's host.
        contents: what the archive will hold, or would.
        archives: the directory that archives are written to.
        pod: that the container is in, if any.
        tenant: on whose behalf.
        others: running containers that mount what goes into the archive.
    """
    host = machine.host()
    wanted = _wanted(spec)
    checks = [
        tenant.check(container),
        preflight.own_container_check(machine.is_own(container)),
        *preflight.container_checks(container, wanted),
        *pod_preflight.checkpoint_checks(container, pod, archive=wanted.archive),
        *pre_copy_checks(
            wanted=spec.pre_copy,
            tracked=spec.pre_copy and machine.tracks_memory(),
            kernel_version=host.kernel_version,
        ),
        *preflight.host_checks(container, host, wanted),
        *cold_start.checkpoint_checks(
            container, host, _starters(container, pod, machine), stops=not wanted.leave_running
        ),
        *preflight.mount_checks(
            container,
            machine.symlinked_sources(container),
            archive=wanted.archive,
            carried=tuple(contents.bind_mounts),
        ),
        *shared_mount_checks(container, copied_mounts(container, contents), others),
    ]
    if any(check.result == "Fail" for check in checks):
        return Observation(host, checks)
    processes = _processes(machine, container)
    checks += preflight.process_checks(processes, wanted)
    checks += pod_preflight.locked_network_checks(
        container,
        pod,
        connections=len(processes.established_tcp),
        leave_running=wanted.leave_running,
    )
    checks.append(cgroup_check(processes.cgroup_watches))
    checks.append(preflight.criu_check(host, processes))
    checks += space_checks(
        _spaces(container, spec, host, machine, processes, contents=contents, archives=archives)
    )
    return Observation(host, checks, processes)


def copied_mounts(container: Container, contents: Contents) -> tuple[Mount, ...]:
    """Return the mounts whose content goes into an archive, or would."""
    return copied(
        container, volumes=tuple(contents.volumes), bind_mounts=tuple(contents.bind_mounts)
    )


def _starters(container: Container, pod: Pod | None, machine: Machine) -> Starters:
    starters = machine.starters(container)
    if pod is None or machine.starters(replace(container, unit=pod.unit)).unit_masked:
        return starters
    return replace(starters, pod_unit=pod.unit)


def _processes(machine: Machine, container: Container) -> Processes:
    """Look at the processes; a health check that is connected just now is given time to end."""
    for _ in range(_SESSION_LOOKS):
        processes = machine.processes(container)
        if not processes.session_connections:
            break
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return processes


def _wanted(spec: CheckpointSpec) -> preflight.Wanted:
    return preflight.Wanted(
        leave_running=spec.leave_running,
        archive=spec.archive is not None,
        tcp_established=spec.tcp_established,
        file_locks=spec.file_locks,
        ignore_root_fs=spec.ignore_root_fs,
        commands=spec.hooks is not None,
    )


def _spaces(
    container: Container,
    spec: CheckpointSpec,
    host: Host,
    machine: Machine,
    processes: Processes,
    *,
    contents: Contents,
    archives: Path,
) -> list[Space]:
    ghosts = sum(ghost.size_bytes for ghost in processes.ghost_files)
    images = processes.memory_bytes + processes.tmpfs_bytes + ghosts + _IMAGE_OVERHEAD
    # Podman's private /dev/shm, which it packs beside the images.
    shm = machine.tree_bytes(container.bundle / "shm")
    images += shm
    if spec.pre_copy:
        images += processes.memory_bytes
    files = sum(map(machine.tree_bytes, contents.volumes.values()))
    files += sum(map(machine.tree_bytes, contents.bind_mounts.values()))
    files += machine.tree_bytes(contents.upper) if contents.upper else 0
    on_host = images + (files + shm if spec.leave_running else 0)
    spaces = [machine.space("the state on the host", host.graph_root, needed_bytes=on_host)]
    if container.auto_remove:
        copied = machine.space("Podman's copy", host.copy_dir, needed_bytes=images + files)
        spaces.append(copied)
    if spec.archive is not None:
        spaces.append(machine.space("the archive", archives, needed_bytes=images + files))
    return spaces
