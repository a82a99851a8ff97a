"""``ContainerRestore``: from the resource to a container that runs.

The saved state is either on this host, in the bundle of the stopped container, or in an archive. In
both cases it stays where it is until the restored container has been seen running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..api.checkpoint import CheckpointSpec
from ..api.reasons import Cause, Reason
from ..api.remedies import Setting
from ..api.restore import RestoreSpec
from ..decisions.archive_preflight import Claim, place_check
from ..decisions.facts import StoredCheckpoint
from ..decisions.failures import OperationFailed
from ..decisions.source import ArchivedState, LocalState, NotYet, State, state_of_checkpoint
from ..decisions.tenancy import Tenant
from .archive_port import Archives
from .command import Commands
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman
from .resource import Resource
from .restart_policy import RestartPolicies
from .restore_archive import ArchiveRestore
from .restore_local import LocalRestore

logger = logging.getLogger(__name__)


class Checkpoints(Protocol):
    """Where ContainerCheckpoints are looked up: the API server."""

    def checkpoint(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """Return a ContainerCheckpoint as the API server sends it, or None."""


class WaitForCheckpoint(Exception):
    """The ContainerCheckpoint is not there or not Ready yet; look again later."""


@dataclass(frozen=True)
class Tools:
    """The ports that a restore needs."""

    podman: Podman
    machine: Machine
    archives: Archives
    checkpoints: Checkpoints
    policies: RestartPolicies
    node_name: str
    label_required: Callable[[], bool]
    """Whether the host lets nobody touch containers without the label of a namespace; may raise
    StatusUnwritable."""


class RestoreReconciler:
    """Carries out ContainerRestores of one host, one call per resource."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def identify(self, resource: Resource) -> str:
        """Return what must not have two operations at once: a container's ID or future name."""
        spec = RestoreSpec.model_validate(resource.spec)
        if spec.name:
            return spec.name
        if spec.source.container_ref:
            container = self._tools.podman.find(spec.source.container_ref.key)
            return container.id if container else spec.source.container_ref.key
        if spec.source.checkpoint_ref:
            checkpoint = self._tools.checkpoints.checkpoint(
                resource.namespace, spec.source.checkpoint_ref.name
            )
            status = (checkpoint or {}).get("status") or {}
            return str((status.get("container") or {}).get("id") or resource.uid)
        return resource.uid

    def run(self, operation: Operation) -> None:
        """Carry out an operation to its end, or as far as it can come now.

        Raises:
            OperationFailed: it cannot succeed; what it created is removed.
            WaitForCheckpoint: the checkpoint is not Ready yet.
            PodmanUnreachable: to be tried again.
            Interrupted: the agent is shutting down; to be continued.
        """
        spec = RestoreSpec.model_validate(operation.resource.spec)
        match self._source(operation, spec):
            case LocalState() as state:
                self._local(operation, spec).run(state)
            case ArchivedState() as state:
                self._archived(operation, spec).run(state)

    def abandon(self, operation: Operation) -> None:
        """Undo, or bring to its end, what was begun for a resource that was deleted since.

        Raises:
            PodmanUnreachable: to be tried again.
        """
        spec = RestoreSpec.model_validate(operation.resource.spec)
        tools = self._tools
        Commands(tools.podman, tools.machine, operation).end()
        if {"made", "aside"} & operation.entry.data.keys():
            self._archived(operation, spec).abandon()
        elif operation.entry.step in (Step.RESTORING, Step.RESTORED):
            self._local(operation, spec).abandon()

    def discard(self, resource: Resource) -> None:
        """A restored container outlives its resource."""

    def _local(self, operation: Operation, spec: RestoreSpec) -> LocalRestore:
        tools = self._tools
        tenant = self._tenant(operation)
        return LocalRestore(tools.podman, tools.machine, tools.policies, tenant, operation, spec)

    def _archived(self, operation: Operation, spec: RestoreSpec) -> ArchiveRestore:
        tools = self._tools
        return ArchiveRestore(
            tools.podman,
            tools.machine,
            tools.archives,
            tools.policies,
            self._tenant(operation),
            operation,
            spec,
        )

    def _tenant(self, operation: Operation) -> Tenant:
        return Tenant(operation.resource.namespace, self._tools.label_required())

    def _source(self, operation: Operation, spec: RestoreSpec) -> State:
        """Return where the state is; decided once, so that a retry finds the same."""
        source = spec.source
        if source.container_ref is not None:
            return LocalState(reference=source.container_ref.key)
        if source.archive is not None:
            uri, claim = source.archive.uri, Claim(namespace=operation.resource.namespace)
            operation.check([place_check(uri, self._tools.archives.directory_of(uri), claim)])
            return ArchivedState(uri, source.archive.digest, claim)
        if source.checkpoint_ref is None:
            raise OperationFailed(Cause.INVALID_SPEC, "no source is given", Setting("spec.source"))
        return self._of_checkpoint(operation, spec, source.checkpoint_ref.name)

    def _of_checkpoint(self, operation: Operation, spec: RestoreSpec, name: str) -> State:
        checkpoint = self._tools.checkpoints.checkpoint(operation.resource.namespace, name)
        state = state_of_checkpoint(
            name,
            checkpoint,
            node_name=self._tools.node_name,
            in_place=None if spec.name else self._left_here(checkpoint),
        )
        if not isinstance(state, NotYet):
            return state
        if operation.is_late():
            raise OperationFailed(
                Cause.CHECKPOINT_NOT_FOUND if checkpoint is None else Cause.TIMED_OUT,
                f"{state.message}, and timeoutSeconds ({spec.timeout_seconds} s) is over",
                f"See that ContainerCheckpoint {name} is Ready, and create the restore anew",
            )
        operation.progress(Reason.WAITING_FOR_CHECKPOINT, state.message)
        raise WaitForCheckpoint(state.message)

    def _left_here(self, checkpoint: Mapping[str, Any] | None) -> StoredCheckpoint | None:
        """Return the state of a container that the checkpoint stopped, if that is on this host."""
        if checkpoint is None or (checkpoint["spec"] or {}).get("leaveRunning"):
            return None
        if CheckpointSpec.model_validate(checkpoint["spec"]).node_name != self._tools.node_name:
            return None
        container_id = ((checkpoint.get("status") or {}).get("container") or {}).get("id", "")
        container = self._tools.podman.find(container_id) if container_id else None
        return self._tools.machine.stored_checkpoint(container.bundle) if container else None
