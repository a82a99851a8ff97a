"""What is looked at before a restore from an archive changes anything on its host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..api.reasons import Reason
from ..api.restore import ExistingContainer, RestoreSpec
from ..decisions import pod_preflight
from ..decisions import restore_preflight as preflight
from ..decisions.archive_preflight import Saved, archive_checks, origin_check
from ..decisions.facts import Host, Target
from ..decisions.option_preflight import volume_checks
from ..decisions.preflight import Check
from ..decisions.source import ArchivedState
from ..decisions.space_preflight import space_checks
from ..decisions.tenancy import Tenant
from .archive_port import Manifest
from .bind_mounts import BindMounts
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman
from .target import (
    Replacement,
    network_checks,
    network_options,
    observe_target,
    option_checks,
    saved,
)


class ArchiveLook:
    """The checks of one restore: what the archive holds, and what is on the host already."""

    def __init__(
        self,
        podman: Podman,
        machine: Machine,
        tenant: Tenant,
        operation: Operation,
        spec: RestoreSpec,
        replacement: Replacement,
        bind_mounts: BindMounts,
    ) -> None:
        self._podman = podman
        self._machine = machine
        self._tenant = tenant
        self._operation = operation
        self._spec = spec
        self._replacement = replacement
        self._bind_mounts = bind_mounts

    def at(self, state: ArchivedState, manifest: Manifest, name: str) -> list[str]:
        """Stop at what stands in the way; return the volumes that the restore will make.

        Raises:
            OperationFailed: if a check has failed.
        """
        self._operation.progress(Reason.PREFLIGHT, f"Looking for what container {name} needs")
        host = self._machine.host()
        target = observe_target(self._podman, self._machine, manifest, self._spec)
        description = saved(manifest)
        checks = [*self._of_archive(state, manifest, description, host)]
        target, bind_checks = self._bind_mounts.look(manifest, target)
        if self._spec.existing_container is ExistingContainer.REPLACE:
            checks += map(self._tenant.check, self._replacement.plan(target))
            target = self._replacement.without_replaced(target, self._spec)
        checks += self._of_target(manifest, description, target, name)
        checks += self._of_space(manifest, host)
        checks += bind_checks
        self._operation.check(checks)
        return sorted(set(manifest.volumes) - set(target.existing_volumes))

    def _of_archive(
        self, state: ArchivedState, manifest: Manifest, description: Saved, host: Host
    ) -> Iterator[Check]:
        spec = self._spec
        yield self._tenant.check_label("the saved container", manifest.namespace)
        yield from option_checks(host, manifest, spec)
        yield origin_check(description, state.claim)
        yield from archive_checks(description, host)
        yield from pod_preflight.restore_checks(
            manifest.container_name,
            in_pod=bool(manifest.pod),
            shared=manifest.shared_namespaces,
            wanted=spec.pod,
            pod=self._podman.pod(spec.pod) if spec.pod else None,
        )
        yield from pod_preflight.shared_network_checks(
            manifest.shared_namespaces, network_options(spec)
        )
        yield from preflight.file_lock_checks(saved=manifest.file_locks, wanted=spec.file_locks)
        yield from preflight.connection_checks(
            saved=manifest.connections, wanted=spec.tcp_established or spec.tcp_close
        )

    def _of_target(
        self, manifest: Manifest, description: Saved, target: Target, name: str
    ) -> Iterator[Check]:
        spec = self._spec
        yield from preflight.conflict_checks(target, name=name)
        yield from volume_checks(
            volumes=manifest.volumes,
            unsaved=manifest.unsaved_volumes,
            existing=target.existing_volumes,
            ignore_volumes=spec.ignore_volumes,
        )
        yield from preflight.target_checks(description, target, ignore_volumes=spec.ignore_volumes)
        yield from network_checks(
            manifest.endpoints,
            target.networks,
            spec,
            connections=manifest.connections,
            asked=manifest.asked_endpoints,
        )

    def _of_space(self, manifest: Manifest, host: Host) -> Iterator[Check]:
        needs: tuple[tuple[str, Path, int], ...] = (
            ("Podman's copy of the archive", host.copy_dir, 0),
            ("the unpacked archive", host.graph_root, manifest.hole_bytes),
        )
        yield from space_checks(
            self._machine.space(purpose, path, needed_bytes=manifest.podmans_bytes + further)
            for purpose, path, further in needs
        )
