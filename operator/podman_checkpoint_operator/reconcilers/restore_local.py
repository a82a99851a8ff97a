"""Restore in place: the stopped container of this host goes on from the state in its bundle."""

from __future__ import annotations

from collections.abc import Iterator

from ..api.reasons import Cause, ConditionType, Reason
from ..api.remedies import Setting
from ..api.restore import ExistingContainer, RestoreSpec
from ..criu.log import Phase
from ..decisions import cold_start
from ..decisions import restore_preflight as preflight
from ..decisions.archive_preflight import stored_checks
from ..decisions.capabilities import work_of
from ..decisions.facts import Container, State, StoredCheckpoint
from ..decisions.failures import OperationFailed
from ..decisions.option_preflight import in_place_checks
from ..decisions.pod_preflight import joined_checks
from ..decisions.preflight import Check
from ..decisions.source import LocalState
from ..decisions.tenancy import Tenant
from . import shared_network
from .explain import explain
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import (
    NotFound,
    Podman,
    PodmanError,
    PodmanTimedOut,
    PodmanUnreachable,
    RestoreOptions,
)
from .restart_policy import RestartPolicies
from .running import identity, require_running, settled
from .target import network_checks, network_options, networks_of
from .verification import Verification


class LocalRestore:
    """One restore in place under way."""

    def __init__(
        self,
        podman: Podman,
        machine: Machine,
        policies: RestartPolicies,
        tenant: Tenant,
        operation: Operation,
        spec: RestoreSpec,
    ) -> None:
        self._podman = podman
        self._machine = machine
        self._policies = policies
        self._tenant = tenant
        self._operation = operation
        self._spec = spec
        self._verification = Verification(podman, machine, operation, spec)

    def run(self, state: LocalState) -> None:
        """Look, restore, see it run; the stored state is removed last of all."""
        operation = self._operation
        container = self._container(state)
        operation.status["container"] = identity(container)
        if operation.entry.step is Step.RESTORED:
            return self._finish(container)
        if operation.entry.step is Step.RESTORING and container.state is State.RUNNING:
            return self._seen_running(container)
        adopt = self._spec.existing_container is ExistingContainer.ADOPT
        if adopt and container.state is State.RUNNING:
            operation.check([self._tenant.check(container)])
            self._verification.run(container)
            return operation.succeed(
                Reason.ADOPTED, f"Container {container.name} was running already"
            )
        stored = state.stored or self._machine.stored_checkpoint(container.bundle)
        self._look(container, stored, state.taken)
        operation.pause_point()
        self._restore(container, stored)
        return self._seen_running(self._podman.inspect(container.id))

    def abandon(self) -> None:
        """Bring what an earlier agent has begun to an end: nobody asks for it any more."""
        container = self._podman.find(self._operation.entry.container_id)
        if container is not None and container.state is State.RUNNING:
            self._machine.clear_stored_checkpoint(container.bundle)
            self._policies.settle(container.id)

    def _container(self, state: LocalState) -> Container:
        reference = self._operation.entry.container_id or state.reference
        try:
            container = self._podman.inspect(reference, timeout=self._operation.remaining())
        except NotFound as error:
            raise OperationFailed(
                Cause.CONTAINER_NOT_FOUND,
                str(error),
                Setting(
                    "spec.source to a container that podman ps -a lists on this host",
                    otherwise="restore from a checkpoint with an archive, to move a container to"
                    " another host",
                ),
            ) from error
        self._operation.identify(container.id)
        return container

    def _look(
        self,
        container: Container,
        stored: StoredCheckpoint | None,
        taken: preflight.Interval | None,
    ) -> None:
        self._operation.progress(Reason.PREFLIGHT, f"Looking at container {container.name}")
        host = self._machine.host()
        self._operation.check(
            [
                self._tenant.check(container),
                *preflight.option_checks(
                    host,
                    tcp_close=self._spec.tcp_close,
                    runtime=container.runtime,
                    work=work_of(
                        archive=False,
                        commands=self._spec.verify is not None,
                        shared_network=bool(container.network_of),
                        ports=self._ports(container),
                    ),
                ),
                *in_place_checks(self._archive_options(container)),
                *preflight.local_checks(container, stored, taken),
                *(stored_checks(container, stored, host) if stored else ()),
                *self._joined_checks(container, stored),
                *cold_start.restore_checks(container, self._machine.starters(container)),
                *preflight.file_lock_checks(
                    saved=stored is not None and stored.file_locks, wanted=self._spec.file_locks
                ),
                *preflight.connection_checks(
                    saved=stored is not None and stored.connections,
                    wanted=self._spec.tcp_established or self._spec.tcp_close,
                ),
                preflight.port_check(self._machine.busy_ports(self._ports(container))),
                *self._network_checks(container, stored),
                *preflight.mount_source_checks(
                    self._machine.missing(container.mount_sources),
                    self._machine.symlinked_sources(container),
                ),
            ]
        )

    def _ports(self, container: Container) -> tuple[tuple[str, str, int], ...]:
        """Return those that it will take; those of a network that it joins are the owner's."""
        taken = container.state is State.RUNNING or container.network_of
        return () if taken else container.published

    def _network_checks(
        self, container: Container, stored: StoredCheckpoint | None
    ) -> Iterator[Check]:
        if stored is None or container.state is State.RUNNING or container.network_of:
            return
        saved = self._podman.saved_endpoints(container)
        networks, missing = networks_of(self._podman, saved)
        yield preflight.network_check(missing)
        yield from network_checks(saved, networks, self._spec, connections=stored.connections)

    def _joined_checks(
        self, container: Container, stored: StoredCheckpoint | None
    ) -> Iterator[Check]:
        if stored is not None and not container.pod:
            joined = {each: self._podman.find(each) for each in container.joined}
            yield from joined_checks(container, joined, stored.taken_at)

    def _pod_to_rejoin(self, container: Container, stored: StoredCheckpoint | None) -> str:
        """Return the container's pod where its namespaces are others than at the checkpoint.

        Podman then starts the pod's infra container if need be, and puts the restored one into the
        namespaces that it has by now: after a reboot, or when the pod ended with its last
        container.
        """
        if not container.pod or stored is None:
            return ""
        owners = [self._podman.find(each) for each in container.joined]
        unchanged = all(
            each and each.state is State.RUNNING and each.started_at <= stored.taken_at
            for each in owners
        )
        return "" if unchanged else container.pod

    def _archive_options(self, container: Container) -> list[str]:
        """Return the fields that are set and cannot be fulfilled in place.

        A checkpointRef admits them, since it may have meant an archive.
        """
        spec = self._spec
        pod = self._podman.pod(spec.pod) if spec.pod else None
        asked = {
            "spec.name": spec.name,
            "spec.pod": spec.pod and (pod is None or pod.id != container.pod),
            "spec.ignoreRootFS": spec.ignore_root_fs,
            "spec.ignoreVolumes": spec.ignore_volumes,
            "spec.publishPorts": spec.publish_ports and not container.network_of,
        }
        others = network_options(spec) if container.network_of else []
        return [*(name for name, value in asked.items() if value), *others]

    def _restore(self, container: Container, stored: StoredCheckpoint | None) -> None:
        operation = self._operation
        # Podman before 5.6 would roll the files back to what an earlier export left here.
        self._machine.clear_export_leftovers(container.bundle)
        operation.progress(Reason.RESTORING, f"Restoring container {container.name}")
        operation.record(Step.RESTORING)
        options = RestoreOptions(
            # Kept until the container has been seen running: it is the last copy.
            keep=True,
            pod=self._pod_to_rejoin(container, stored),
            tcp_established=self._spec.tcp_established,
            tcp_close=self._spec.tcp_close,
            file_locks=self._spec.file_locks,
            ignore_static_ip=self._spec.ignore_static_ip,
            ignore_static_mac=self._spec.ignore_static_mac,
        )
        try:
            statistics = self._policies.units.restore(
                container, options, timeout=operation.remaining()
            )
        except PodmanTimedOut as error:
            self._settle(container, error)
            statistics = {}
        except PodmanUnreachable:
            raise
        except PodmanError as error:
            log = self._machine.read_log(container.bundle, "restore.log")
            if stored is not None and not stored.connections:
                shared_network.reopen(self._podman, self._machine, container.network_of)
            raise explain(error, log, Phase.RESTORE, container.bundle) from error
        operation.status["statistics"] = {"restoreMicroseconds": statistics.get("restore_time", 0)}

    def _settle(self, container: Container, error: PodmanTimedOut) -> None:
        """See a restore come to its end whose answer did not come: Podman does not stop it."""
        failure = OperationFailed(
            Cause.TIMED_OUT,
            f"the restore did not end within timeoutSeconds: {error}",
            Setting("spec.timeoutSeconds higher; the state is still on the host"),
        )
        now = settled(self._podman, container, error, failure)
        if now.state is not State.RUNNING:
            raise failure from error

    def _seen_running(self, container: Container) -> None:
        require_running(self._podman, container)
        self._operation.record(Step.RESTORED)
        self._finish(container)

    def _finish(self, container: Container) -> None:
        """End well; what the container has done since it was seen running is its own affair."""
        # A power cut in between must not leave a unit that waits for a state that is gone.
        self._policies.settle(container.id)
        self._machine.clear_stored_checkpoint(container.bundle)
        self._operation.status["container"] = identity(container)
        message = f"Container {container.name} goes on where it was saved"
        self._operation.reached(ConditionType.RESTORED, Reason.RESTORED, message)
        self._verification.run(container)
        self._operation.succeed(Reason.RESTORED, message)
