"""Restore from an archive: on another host under the same name and ID, or anywhere under a new one.

The archive is verified from end to end before Podman hears of it, and once more while it is sent: a
stream whose digest turns out wrong is broken off before its end.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from ..api.reasons import Cause, ConditionType, Reason
from ..api.restore import ExistingContainer, RestoreSpec
from ..criu.catalogue import Phase
from ..decisions import restore_preflight as preflight
from ..decisions.facts import Container, State
from ..decisions.failures import OperationFailed
from ..decisions.source import ArchivedState
from .archive_port import Archives, Manifest
from .explain import explain
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman, PodmanError, PodmanTimedOut, PodmanUnreachable, RestoreOptions
from .running import identity, require_running
from .target import Replacement, observe_target, saved

_SETTLE_SECONDS: Final = 60.0
_SETTLE_POLL_SECONDS: Final = 1.0
_SETTLE_LOOKS: Final = 3


class ArchiveRestore:
    """One restore from an archive under way."""

    def __init__(
        self,
        podman: Podman,
        machine: Machine,
        archives: Archives,
        operation: Operation,
        spec: RestoreSpec,
    ) -> None:
        self._podman = podman
        self._machine = machine
        self._archives = archives
        self._operation = operation
        self._spec = spec
        self._volumes_before: tuple[str, ...] = ()

    def run(self, state: ArchivedState) -> None:
        """Verify, look, make room where asked, restore, see it run."""
        operation = self._operation
        operation.progress(Reason.VERIFYING_ARCHIVE, f"Reading {state.uri}")
        manifest = self._archives.verify(state.uri, state.digest)
        name = self._spec.name or manifest.container_name
        if operation.entry.step in (Step.RESTORING, Step.RESTORED):
            restored = self._settled(manifest, name)
            if restored is not None:
                return self._finish(restored)
            self._clean_up(manifest, name)
        if self._adopted(manifest, name):
            return None
        replacement = Replacement(
            self._podman,
            operation,
            name=name,
            container_id="" if self._spec.name else manifest.container_id,
        )
        self._look(manifest, name, replacement)
        operation.pause_point()
        replacement.make_room()
        try:
            container_id = self._restore(state, manifest, name)
            restored = self._podman.inspect(container_id)
            require_running(self._podman, restored)
        except OperationFailed:
            self._clean_up(manifest, name)
            replacement.put_back()
            raise
        replacement.complete()
        return self._finish(restored)

    def _adopted(self, manifest: Manifest, name: str) -> bool:
        if self._spec.existing_container is not ExistingContainer.ADOPT:
            return False
        existing = self._existing(manifest, name)
        if existing is None or existing.state is not State.RUNNING:
            return False
        self._operation.status["container"] = identity(existing)
        self._operation.succeed(Reason.ADOPTED, f"Container {existing.name} was running already")
        return True

    def _look(self, manifest: Manifest, name: str, replacement: Replacement) -> None:
        operation = self._operation
        operation.progress(Reason.PREFLIGHT, f"Looking for what container {name} needs")
        host = self._machine.host()
        target = observe_target(self._podman, self._machine, manifest, self._spec)
        description = saved(manifest)
        checks = [
            *preflight.option_checks(host, tcp_close=self._spec.tcp_close),
            *preflight.archive_checks(description, host, pod=self._spec.pod),
            *preflight.file_lock_checks(saved=manifest.file_locks, wanted=self._spec.file_locks),
            *preflight.connection_checks(
                saved=manifest.connections,
                wanted=self._spec.tcp_established or self._spec.tcp_close,
            ),
        ]
        if self._spec.existing_container is ExistingContainer.REPLACE:
            replacement.plan(target)
            target = replacement.without_replaced(target, self._spec)
        checks += preflight.conflict_checks(target, name=name)
        checks += preflight.target_checks(
            description, target, ignore_volumes=self._spec.ignore_volumes
        )
        operation.check(checks)
        self._volumes_before = target.existing_volumes

    def _restore(self, state: ArchivedState, manifest: Manifest, name: str) -> str:
        operation = self._operation
        operation.progress(Reason.RESTORING, f"Restoring container {name}")
        operation.record(Step.RESTORING, volumesBefore=list(self._volumes_before))
        spec = self._spec
        options = RestoreOptions(
            name=spec.name,
            pod=spec.pod,
            tcp_established=spec.tcp_established,
            tcp_close=spec.tcp_close,
            file_locks=spec.file_locks,
            ignore_root_fs=spec.ignore_root_fs,
            ignore_volumes=spec.ignore_volumes,
            ignore_static_ip=spec.ignore_static_ip,
            ignore_static_mac=spec.ignore_static_mac,
            publish_ports=tuple(spec.publish_ports),
        )
        try:
            container_id, statistics = self._podman.restore_archive(
                self._archives.open_plain(state.uri, state.digest),
                options,
                timeout=operation.remaining(),
            )
        except PodmanTimedOut as error:
            restored = self._settled(manifest, name)
            if restored is None:
                raise OperationFailed(
                    Cause.TIMED_OUT, str(error), "Set spec.timeoutSeconds higher"
                ) from error
            container_id, statistics = restored.id, {}
        except PodmanUnreachable:
            raise
        except PodmanError as error:
            raise self._explained(error, manifest, name) from error
        operation.status["statistics"] = {"restoreMicroseconds": statistics.get("restore_time", 0)}
        return container_id

    def _settled(self, manifest: Manifest, name: str) -> Container | None:
        """Return the container that a restore we lost sight of has brought up, if it has.

        Podman goes on when its client is gone. It answers an inspect only between its steps, so
        that a container that stays unstarted over some looks is not being restored any more.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        unstarted = 0
        while unstarted < _SETTLE_LOOKS and time.monotonic() < deadline:
            container = self._existing(manifest, name)
            if container is not None and container.state is State.RUNNING:
                return container
            unstarted += 1
            time.sleep(_SETTLE_POLL_SECONDS)
        return None

    def _existing(self, manifest: Manifest, name: str) -> Container | None:
        return self._podman.find(name if self._spec.name else manifest.container_id)

    def _explained(self, error: PodmanError, manifest: Manifest, name: str) -> OperationFailed:
        container = self._existing(manifest, name)
        if container is None:
            return explain(error, None, Phase.RESTORE, None)
        log = self._machine.read_log(container.bundle, "restore.log")
        return explain(error, log, Phase.RESTORE, None)

    def _clean_up(self, manifest: Manifest, name: str) -> None:
        """Remove what a failed restore has made: Podman leaves it, and it blocks the next try."""
        entry = self._operation.entry
        if entry.step is not Step.RESTORING:
            return
        container = self._existing(manifest, name)
        if container is not None and container.state is not State.RUNNING:
            self._podman.remove(container.id)
        if not self._spec.ignore_volumes:
            for volume in set(manifest.volumes) - set(entry.data["volumesBefore"]):
                with suppress(PodmanError):
                    self._podman.remove_volume(volume)

    def _finish(self, container: Container) -> None:
        operation = self._operation
        operation.status["container"] = identity(container)
        message = f"Container {container.name} goes on where it was saved"
        operation.reached(ConditionType.RESTORED, Reason.RESTORED, message)
        operation.succeed(Reason.RESTORED, message)
