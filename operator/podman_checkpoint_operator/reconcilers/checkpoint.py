"""``ContainerCheckpoint``: from the resource to a state that restores.

Steps, as in the journal:

1. *Accepted*: the container is found and looked at; nothing is touched.
2. *Preparing*, only with hooks: a command runs in the container.
3. *Checkpointing* (it stops) or *Freezing* (it runs on): the dump.
4. *Checkpointed* or *Captured*: the state is complete on the host.
5. *Storing*, *Stored*: the archive is written, under its final name only when it is durable.

At every step either the container runs, or its complete state is in its bundle or in the store.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..api.checkpoint import CheckpointSpec
from ..api.reasons import Cause, ConditionType, Reason
from ..api.remedies import Setting
from ..decisions.facts import Container, State
from ..decisions.failures import Interrupted, OperationFailed
from ..decisions.preflight import size
from ..decisions.recovery import Next
from ..decisions.tenancy import Tenant
from .archive_port import Contents, Stored, archive_name
from .contents import contents_of, report_mounts
from .dump import Dumper, Tools
from .hooks import Hooks
from .interrupted import DUMPED, DUMPING, InterruptedDump, changed
from .journal import Step
from .observation import copied_mounts, observe
from .operation import Operation
from .podman_port import NotFound, PodmanUnreachable
from .resource import Resource, StatusUnwritable
from .running import identity


class CheckpointReconciler:
    """Carries out ContainerCheckpoints of one host, one call per resource."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def identify(self, resource: Resource) -> str:
        """Return the ID of the container that a resource is about, for one operation at a time."""
        spec = CheckpointSpec.model_validate(resource.spec)
        container = self._tools.podman.find(spec.container_ref.key)
        return container.id if container else spec.container_ref.key

    def run(self, operation: Operation) -> None:
        """Carry out an operation to its end, or as far as it can come now.

        Raises:
            OperationFailed: it cannot succeed; nothing half-done is left on the host.
            PodmanUnreachable: to be tried again.
            Interrupted: the agent is shutting down; to be continued.
        """
        course = _Course(self._tools, operation)
        try:
            course.run()
        except (Interrupted, PodmanUnreachable, StatusUnwritable):
            raise
        except Exception:
            course.clean_up()
            raise

    def abandon(self, operation: Operation) -> None:
        """Remove what was begun for a resource that was deleted since.

        The state of a container that it has stopped stays on the host, and so does a complete
        archive: they may be all there is of it.

        Raises:
            PodmanUnreachable: to be tried again.
        """
        _Course(self._tools, operation).abandon()

    def discard(self, resource: Resource) -> None:
        """Remove the archive of a resource that is being deleted."""
        archive = resource.status.get("archive")
        if archive:
            self._tools.archives.delete(archive["uri"])
        elif spec_archive := CheckpointSpec.model_validate(resource.spec).archive:
            # It was deleted before its status could tell.
            self._tools.archives.discard(_name_for(resource, spec_archive.compression))


class _Course:
    """One checkpoint under way."""

    def __init__(self, tools: Tools, operation: Operation) -> None:
        self._podman = tools.podman
        self._machine = tools.machine
        self._archives = tools.archives
        self._policies = tools.policies
        self._label_required = tools.label_required
        self._operation = operation
        self._spec = spec = CheckpointSpec.model_validate(operation.resource.spec)
        self._hooks = Hooks(tools.podman, tools.machine, operation, spec)
        self._dumper = Dumper(tools, operation, spec)

    def run(self) -> None:
        """Go on from where the journal says."""
        operation = self._operation
        container = self._container()
        step = operation.entry.step
        if step is Step.STORED:
            return self._finish(container)
        if step in DUMPED:
            interrupted = InterruptedDump(self._podman, self._machine, operation)
            container = interrupted.left_alone(container)
            stored = self._spec.archive and self._archives.exists(self._archive_name())
            if interrupted.next(container, self._spec, stored=bool(stored)) is Next.CONTINUE:
                if step is Step.CHECKPOINTING:
                    self._dumper.keep(container)
                return self._after_dump(container)
            self.clean_up()
            container = self._container()
        elif self._dumper.finds_it_done(container):
            return self._after_dump(container)
        self._look(container)
        operation.pause_point()
        with self._hooks.around(container):
            self._dump(container)
        return self._after_dump(container)

    def abandon(self) -> None:
        """Clean up after an operation that nobody asks for any more."""
        entry = self._operation.entry
        container = self._podman.find(entry.container_id) if entry.container_id else None
        if container is not None:
            InterruptedDump(self._podman, self._machine, self._operation).left_alone(container)
        self.clean_up()

    def clean_up(self) -> None:
        """Leave nothing half-done: no capture, no partial archive, no needless images."""
        self._hooks.undo()
        entry = self._operation.entry
        self._machine.discard_stage(entry.uid)
        if self._spec.archive:
            self._archives.discard_partial(self._archive_name())
        if entry.step in DUMPING:
            container = self._podman.find(entry.container_id)
            # Of a container that does not run, they may be all there is.
            if (
                container is not None
                and container.state is State.RUNNING
                and not self._machine.is_dumped(container)
            ):
                # The log tells more than status can hold.
                self._machine.clear_stored_checkpoint(container.bundle, keep_log=True)
        self._policies.settle(entry.container_id)

    def _container(self) -> Container:
        reference = self._operation.entry.container_id or self._spec.container_ref.key
        try:
            container = self._podman.inspect(reference, timeout=self._operation.remaining())
        except NotFound as error:
            raise OperationFailed(
                Cause.CONTAINER_NOT_FOUND,
                str(error),
                Setting(
                    "spec.containerRef to a container that podman ps -a lists on this host, and"
                    " spec.nodeName to the host it runs on"
                ),
            ) from error
        self._operation.identify(container.id)
        self._operation.status["container"] = identity(container)
        return container

    def _look(self, container: Container) -> None:
        """Observe everything that can stand in the way, and stop at what does."""
        operation = self._operation
        operation.progress(Reason.PREFLIGHT, f"Looking at container {container.name}")
        # First of all: what else is seen of the container is told to its own namespace only.
        tenant = Tenant(operation.resource.namespace, self._label_required())
        operation.check([tenant.check(container)])
        archives = self._archives.location()
        report_mounts(operation, container, self._spec, self._machine, archives)
        contents = self._contents(container)
        shared = [mount.shared_as for mount in copied_mounts(container, contents)]
        observation = observe(
            container,
            self._spec,
            machine=self._machine,
            contents=contents,
            archives=archives,
            pod=self._podman.pod(container.pod) if container.pod else None,
            tenant=tenant,
            others=self._podman.sharing(shared),
        )
        self._dumper.predicted = observation.processes.ghost_files
        operation.status["host"] = observation.host_facts()
        operation.check(observation.checks)

    def _dump(self, container: Container) -> None:
        # Podman before 5.6 leaves parts of a user's own exports here, and applies them, old as
        # they are, to the files of every later in-place restore.
        self._machine.clear_export_leftovers(container.bundle)
        self._machine.clear_stored_checkpoint(container.bundle)
        if self._spec.leave_running:
            self._dumper.dump_live(container, self._contents(container))
        else:
            self._dumper.dump_and_stop(container)

    def _after_dump(self, container: Container) -> None:
        self._hooks.after(container)
        how = "and runs on" if self._spec.leave_running else "and stopped"
        self._operation.reached(
            ConditionType.CHECKPOINTED,
            Reason.CHECKPOINTED,
            f"Container {container.name} was checkpointed {how}",
        )
        if self._spec.archive is None:
            return self._finish(container)
        stored = self._store(container)
        self._operation.status["archive"] = {
            "uri": stored.uri,
            "sizeBytes": stored.size_bytes,
            "digest": stored.digest,
            "compression": str(self._spec.archive.compression),
        }
        self._operation.reached(
            ConditionType.ARCHIVE_STORED,
            Reason.ARCHIVE_STORED,
            f"{size(stored.size_bytes)} stored as {stored.uri}",
        )
        self._operation.record(Step.STORED)
        return self._finish(container)

    def _store(self, container: Container) -> Stored:
        operation = self._operation
        contents = self._contents(container)
        if self._spec.leave_running:
            contents = self._archives.captured(contents, self._machine.stage(operation.entry.uid))
        operation.record(Step.STORING)
        operation.progress(Reason.ARCHIVING, "Writing the archive")
        name = self._archive_name()
        # An agent that was killed right after the rename has not come to note it.
        stored = self._archives.adopt(name)
        if stored is None:
            self._archives.discard_partial(name)
            stored = self._write(contents, name)
        if not self._spec.leave_running:
            self._require_untouched(container, stored)
        return stored

    def _write(self, contents: Contents, name: str) -> Stored:
        try:
            return self._archives.store(
                contents, name, compression=self._compression(), progress=self._on_the_way
            )
        except OperationFailed as failure:
            if self._spec.leave_running:
                raise
            raise OperationFailed(
                failure.cause,
                failure.evidence,
                f"{failure.remedy.rstrip('.')}. The container is stopped and its state is on the"
                " host: a ContainerRestore with spec.source.containerRef brings it back",
            ) from failure

    def _on_the_way(self, _: int) -> None:
        self._operation.pause_point()
        self._operation.remaining()

    def _compression(self) -> str:
        return self._spec.archive.compression if self._spec.archive else ""

    def _require_untouched(self, container: Container, stored: Stored) -> None:
        """A container that was started or removed meanwhile may have changed under the copy."""
        now = self._podman.find(container.id)
        start = datetime.fromisoformat(self._operation.entry.data["startedAt"])
        if now is None or now.state in (State.RUNNING, State.PAUSED) or now.started_at != start:
            self._archives.delete(stored.uri)
            raise changed(container, "while its archive was written")

    def _finish(self, container: Container) -> None:
        self._machine.discard_stage(self._operation.entry.uid)
        if self._spec.archive is not None:
            archive: dict[str, Any] = self._operation.status["archive"]
            message = f"Container {container.name} is saved in {archive['uri']}"
            self._operation.succeed(Reason.ARCHIVE_STORED, message)
        else:
            message = f"The state of container {container.name} is on the host, ready for a reboot"
            self._operation.succeed(Reason.CHECKPOINTED, message)

    def _contents(self, container: Container) -> Contents:
        operation, features = self._operation, self._machine.known_host().cpu_features
        return contents_of(container, self._spec, operation.resource, operation.status, features)

    def _archive_name(self) -> str:
        return _name_for(self._operation.resource, self._compression())


def _name_for(resource: Resource, compression: str) -> str:
    return archive_name(resource.namespace, resource.name, resource.uid, compression)
