"""Restore from an archive: on another host under the same name and ID, or anywhere under a new one.

The archive is verified from end to end before Podman hears of it, and once more while it is sent: a
stream whose digest turns out wrong is broken off before its end.
"""

from __future__ import annotations

from contextlib import suppress

from ..api.reasons import Cause, ConditionType, Reason
from ..api.remedies import Setting
from ..api.restore import ExistingContainer, RestoreSpec
from ..criu.log import Phase
from ..decisions.facts import Container, State
from ..decisions.failures import Interrupted, OperationFailed
from ..decisions.source import ArchivedState
from ..decisions.tenancy import Tenant
from . import shared_network
from .archive_look import ArchiveLook
from .archive_port import Archives, Manifest
from .bind_mounts import BindMounts
from .explain import explain
from .holes import Holes
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import (
    Podman,
    PodmanError,
    PodmanTimedOut,
    PodmanUnreachable,
    RestoreOptions,
)
from .resource import StatusUnwritable
from .restart_policy import RestartPolicies
from .running import brought_up, identity, require_running
from .target import Replacement
from .verification import Verification


class ArchiveRestore:
    """One restore from an archive under way."""

    def __init__(
        self,
        podman: Podman,
        machine: Machine,
        archives: Archives,
        policies: RestartPolicies,
        tenant: Tenant,
        operation: Operation,
        spec: RestoreSpec,
    ) -> None:
        self._podman = podman
        self._machine = machine
        self._archives = archives
        self._policies = policies
        self._tenant = tenant
        self._operation = operation
        self._spec = spec
        self._replacement = Replacement(podman, operation)
        self._bind_mounts = BindMounts(machine, archives, operation, spec)
        self._holes = Holes(podman, machine, archives, operation)
        self._verification = Verification(podman, machine, operation, spec)
        self._look = ArchiveLook(
            podman, machine, tenant, operation, spec, self._replacement, self._bind_mounts
        )

    def run(self, state: ArchivedState) -> None:
        """Verify, look, make room where asked, restore, see it run."""
        if self._operation.entry.step is Step.RESTORED:
            return self._finish(state.uri)
        try:
            ended = self._bring_up(state)
        except (Interrupted, PodmanUnreachable, StatusUnwritable):
            raise
        except Exception:
            self._undo()
            raise
        return None if ended else self._finish(state.uri)

    def abandon(self) -> None:
        """Bring what an earlier agent has begun to an end: nobody asks for it any more."""
        if not self._is_up():
            self._undo()
            return
        self._bind_mounts.end()
        if self._verification.is_due():
            self._replacement.keep()
        else:
            self._replacement.complete()

    def _is_up(self) -> bool:
        step = self._operation.entry.step
        if step is not Step.RESTORING:
            return step is Step.RESTORED
        if (restored := self._settled()) is None:
            return False
        try:
            self._see_running(restored)
        except OperationFailed:
            return False
        return True

    def _bring_up(self, state: ArchivedState) -> bool:
        """Have the container run; return whether the operation ended with that already."""
        operation = self._operation
        if operation.entry.step is Step.RESTORING:
            restored = self._settled()
            if restored is not None:
                self._see_running(restored)
                return False
            self._clean_up()
        operation.progress(Reason.VERIFYING_ARCHIVE, f"Reading {state.uri}")
        manifest = self._archives.verify(state.uri, state.digest)
        name = self._spec.name or manifest.container_name
        if self._adopted(manifest, name):
            return True
        volumes = self._look.at(state, manifest, name)
        operation.pause_point()
        self._replacement.make_room(
            name=name, container_id="" if self._spec.name else manifest.container_id
        )
        operation.record(
            Step.RESTORING,
            made=name if self._spec.name else manifest.container_id,
            madeVolumes=[] if self._spec.ignore_volumes else volumes,
            laid=self._bind_mounts.plans(),
        )
        self._bind_mounts.lay_down(state)
        self._see_running(self._podman.inspect(self._restore(state, name, manifest.podmans_bytes)))
        return False

    def _adopted(self, manifest: Manifest, name: str) -> bool:
        if self._spec.existing_container is not ExistingContainer.ADOPT:
            return False
        existing = self._podman.find(name if self._spec.name else manifest.container_id)
        if existing is None or existing.state is not State.RUNNING:
            return False
        self._operation.check([self._tenant.check(existing)])
        self._operation.status["container"] = identity(existing)
        self._verification.run(existing)
        self._operation.succeed(Reason.ADOPTED, f"Container {existing.name} was running already")
        return True

    def _restore(self, state: ArchivedState, name: str, end: int) -> str:
        operation = self._operation
        operation.progress(Reason.RESTORING, f"Restoring container {name}")
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
                self._archives.open_plain(state.uri, state.digest, end=end, copy=bool(spec.name)),
                options,
                timeout=operation.remaining(),
            )
        except PodmanTimedOut as error:
            restored = self._settled()
            if restored is None:
                raise OperationFailed(
                    Cause.TIMED_OUT, str(error), Setting("spec.timeoutSeconds higher")
                ) from error
            container_id, statistics = restored.id, {}
        except PodmanUnreachable:
            raise
        except PodmanError as error:
            raise self._explained(error) from error
        operation.status["statistics"] = {"restoreMicroseconds": statistics.get("restore_time", 0)}
        return container_id

    def _settled(self) -> Container | None:
        return brought_up(self._made)

    def _made(self) -> Container | None:
        return self._podman.find(self._operation.entry.data["made"])

    def _explained(self, error: PodmanError) -> OperationFailed:
        container = self._made()
        log = self._machine.read_log(container.bundle, "restore.log") if container else None
        return explain(error, log, Phase.RESTORE, None)

    def _undo(self) -> None:
        self._clean_up()
        self._replacement.put_back()

    def _clean_up(self) -> None:
        """Remove what a failed restore has made: Podman leaves it, and it blocks the next try."""
        if self._operation.entry.step is not Step.RESTORING:
            return
        if (container := self._made()) is not None:
            if container.state is State.RUNNING:
                return
            self._podman.remove(container.id)
            shared_network.reopen(self._podman, self._machine, container.network_of)
        for volume in self._operation.entry.data["madeVolumes"]:
            with suppress(PodmanError):
                self._podman.remove_volume(volume)
        self._bind_mounts.take_back()

    def _see_running(self, container: Container) -> None:
        require_running(self._podman, container)
        self._operation.status["container"] = identity(container)
        self._operation.record(Step.RESTORED)

    def _finish(self, uri: str) -> None:
        """End well; what the container has done since it was seen running is its own affair."""
        operation = self._operation
        known = operation.status["container"]
        message = f"Container {known['name']} goes on where it was saved"
        # The container itself may have been replaced by its restored self.
        self._policies.settle(known["id"])
        operation.reached(ConditionType.RESTORED, Reason.RESTORED, message)
        self._bind_mounts.end()
        self._holes.make(uri, known["id"], root_fs=not self._spec.ignore_root_fs)
        if self._spec.verify is not None:
            container = self._podman.inspect(known["id"])
            self._verification.run(container, kept_aside=self._replacement.kept_as)
        self._replacement.complete()
        operation.succeed(Reason.RESTORED, message)
