"""The agent of one host: all parts wired, kopf around them, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import kopf

from ..api.host import HostSpec
from ..api.names import (
    ANNOTATION_PREFIX,
    CHECKPOINTS,
    FINALIZER,
    GROUP,
    HOSTS,
    RESTORES,
    VERSION,
)
from ..decisions.facts import Host
from ..decisions.rights import Rights
from ..handlers import Handled, register, resource_of
from ..host.cpu import cpu_features
from ..host.description import HostDescription
from ..host.files import below
from ..host.ghost_limits import GhostLimits
from ..host.journal import DirectoryJournal
from ..host.machine import LocalMachine
from ..host.offline_records import OfflineRecords
from ..host.restart_notes import RestartNotes
from ..host.shutdown_files import ShutdownFiles
from ..host.units import HostUnits
from ..podman.inspection import host_from_info
from ..podman.service import PodmanService
from ..reconcilers import checkpoint, restore
from ..reconcilers.drain import Drain
from ..reconcilers.drain_told import Told
from ..reconcilers.dump import Tools as DumpTools
from ..reconcilers.held_units import HeldUnits
from ..reconcilers.offline import NoOffline, Offline, OfflineHost
from ..reconcilers.podman_port import PodmanError
from ..reconcilers.powerless import powerful
from ..reconcilers.queue import Operations
from ..reconcilers.registration import Registration
from ..reconcilers.reports import Reports
from ..reconcilers.resource import StatusUnwritable
from ..reconcilers.restart_policy import RestartPolicies
from ..stores.directory import DirectoryStore
from . import recover
from .api_server import ApiServer
from .archives import CheckpointArchives
from .drain_board import ApiBoard
from .host_observer import HostObserver
from .host_registry import ApiHostRegistry
from .housekeeping import (
    keep_drained,
    keep_registered,
    keep_small,
    notice,
    put_back_policies,
)
from .kopf_settings import common_settings, load_credentials, login_as_client
from .metrics import Metrics
from .scrapes import Scrapes
from .settings import DEFAULT_ARCHIVE_DIR, Settings
from .start import alone, enter_host, own_rights, with_storage
from .version import product_version

logger = logging.getLogger(__name__)

_EXIT_SECONDS: Final = 900.0


def run(settings: Settings) -> None:
    """Run the agent until it gets SIGTERM or SIGINT.

    Raises:
        kubernetes.config.ConfigException: there are no credentials for the API server.
        AlreadyRunning: another agent works with the same state.
        NotOfTheHost: processes or files are not the host's.
        OSError: the state directory cannot be used, or an address is taken.
    """
    load_credentials()
    rights = own_rights(settings.host_root, settings.state_dir)
    enter_host(rights)
    with alone(settings.state_dir):
        asyncio.run(_run(settings, rights))


async def _run(settings: Settings, rights: Rights) -> None:
    podman = PodmanService(settings.podman_url, root=settings.host_root)

    def describe(criu_version: str) -> Host:
        host = host_from_info(podman.info(), criu_version=criu_version)
        return replace(
            host,
            cpu_features=cpu_features(Path("/proc")),
            rights=with_storage(rights, settings.host_root, host.graph_root),
        )

    description = HostDescription(settings.host_root, describe, podman.release)
    units = HostUnits(settings.host_root, settings.state_dir / "units")
    machine = LocalMachine(settings.host_root, description, units)
    store = DirectoryStore(settings.archive_dir, settings.host_root)
    archives = CheckpointArchives(store, settings.host_root)
    journal = DirectoryJournal(settings.state_dir / "operations")
    if settings.archive_dir == DEFAULT_ARCHIVE_DIR:
        below(settings.host_root, DEFAULT_ARCHIVE_DIR).mkdir(0o700, parents=True, exist_ok=True)
    api_server = ApiServer(settings.node_name)
    policies = RestartPolicies(
        podman,
        RestartNotes(settings.state_dir / "restart-policies"),
        machine.is_dumped,
        HeldUnits(podman, units, machine),
    )
    metrics = Metrics(product_version())
    limits = GhostLimits(
        settings.host_root, host=description.known, on_change=metrics.ghost_limit_changed
    )
    records = OfflineRecords(settings.state_dir / "shutdown" / "offline")
    reports = Reports(api_server, records)
    operations = Operations(
        journal=journal,
        reporter=reports,
        observer=metrics,
        boot_id=machine.boot_id,
        max_operations=settings.max_operations,
    )
    registration = Registration(
        ApiHostRegistry(settings.node_name),
        HostObserver(settings.host_root, podman, machine, limits, store),
    )
    shutdowns = ShutdownFiles(settings.state_dir, machine.boot_id)
    loop = asyncio.get_running_loop()

    def begin(checkpoint: Mapping[str, Any]) -> None:
        resource = resource_of(checkpoint)
        loop.call_soon_threadsafe(operations.ensure, resource, handled.checkpoints)

    alone = OfflineHost(records, begin)
    without = Drain(alone, alone, alone, podman, shutdowns, NoOffline(), boot_id=machine.boot_id)
    drain = Drain(
        registration,
        Told(registration, api_server, metrics),
        ApiBoard(settings.node_name),
        podman,
        shutdowns,
        Offline(alone, without),
        boot_id=machine.boot_id,
    )
    drain_woken = asyncio.Event()

    def label_required() -> bool:
        try:
            return registration.spec().require_namespace_label
        except StatusUnwritable:
            return HostSpec.model_validate(alone.current()["spec"]).require_namespace_label

    handled = Handled(
        operations=operations,
        checkpoints=powerful(
            checkpoint.CheckpointReconciler(
                DumpTools(podman, machine, archives, limits, policies, label_required)
            ),
            rights,
        ),
        restores=powerful(
            restore.RestoreReconciler(
                restore.Tools(
                    podman,
                    machine,
                    archives,
                    api_server,
                    policies,
                    settings.node_name,
                    label_required,
                )
            ),
            rights,
        ),
        registration=registration,
        drain=drain,
        wake=drain_woken.set,
    )
    # Before anything else: no container stays frozen because an agent died.
    await asyncio.to_thread(recover.undo, journal, machine, limits)
    recover.check(
        journal,
        reports,
        operations,
        {CHECKPOINTS.kind: handled.checkpoints, RESTORES.kind: handled.restores},
    )
    registry = kopf.OperatorRegistry()
    register(registry, handled)
    _register_lifecycle(registry, operations, podman)
    housekeeping = asyncio.gather(
        put_back_policies(operations, policies),
        keep_registered(registration),
        keep_small(),
        keep_drained(drain, drain_woken),
        notice(shutdowns.requested, drain_woken.set),
    )
    async with Scrapes(metrics, operations.load, podman, store).served(settings.metrics):
        logger.info("agent started")
        await kopf.operator(
            registry=registry,
            settings=operator_settings(settings.node_name),
            clusterwide=True,
            liveness_endpoint=settings.liveness or None,
        )
    housekeeping.cancel()
    with suppress(asyncio.CancelledError):
        await housekeeping
    logger.info("agent stopped")


def operator_settings(node_name: str) -> kopf.OperatorSettings:
    """Return kopf's settings for the agent of one host."""
    settings = common_settings(instance=node_name)
    # Only objects of this host, selected by the API server.
    for resource in (CHECKPOINTS, RESTORES):
        settings.watching.field_selectors[GROUP, VERSION, resource.plural] = (
            f"spec.nodeName={node_name}"
        )
    settings.watching.field_selectors[GROUP, VERSION, HOSTS.plural] = f"metadata.name={node_name}"
    settings.persistence.finalizer = FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(
        prefix=ANNOTATION_PREFIX, v1=False
    )
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(
        prefix=ANNOTATION_PREFIX,
        v1=False,
        ignored_fields=["metadata.labels", "metadata.annotations"],
    )
    settings.process.ultimate_exiting_timeout = _EXIT_SECONDS
    return settings


def _register_lifecycle(
    registry: kopf.OperatorRegistry, operations: Operations, podman: PodmanService
) -> None:
    login_as_client(registry)

    @kopf.on.cleanup(registry=registry)
    async def stop(**_: Any) -> None:
        await operations.stop()

    @kopf.on.probe(id="podman", registry=registry)
    async def probe(**_: Any) -> str:
        # An agent whose Podman is down is alive: restarting it would not help.
        try:
            return await asyncio.to_thread(podman.release)
        except PodmanError as error:
            return str(error)
