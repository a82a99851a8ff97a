"""What an agent does first: undo what its predecessor held, and end what nobody asks for now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ..host.ghost_limits import GhostLimits
from ..host.machine import LocalMachine
from ..reconcilers.journal import Journal
from ..reconcilers.queue import Operations
from ..reconcilers.reconciler import Reconciler
from ..reconcilers.reports import Reports
from ..reconcilers.resource import Resource

logger = logging.getLogger(__name__)


def undo(journal: Journal, machine: LocalMachine, limits: GhostLimits) -> None:
    """Thaw what an earlier agent had frozen, and put CRIU's configuration back."""
    machine.sweep()
    try:
        limits.recover()
    except OSError:  # containers have to be thawed all the same; the PodmanHost tells of the folder
        logger.exception("the ghost limit is put back by the next checkpoint")
    for entry in journal.entries():
        if entry.data.get("cgroup"):
            machine.thaw(Path(entry.data["cgroup"]))


def check(
    journal: Journal,
    reports: Reports,
    operations: Operations,
    reconcilers: Mapping[str, Reconciler],
) -> None:
    """Have every operation abandoned whose resource was deleted while no agent was there.

    The others go on when the watch brings their resources.
    """
    for entry in journal.entries():
        resource = Resource(
            kind=entry.kind,
            namespace=entry.namespace,
            name=entry.name,
            uid=entry.uid,
            generation=0,
            spec=entry.spec,
            status=entry.status,
        )
        exists = partial(reports.exists, entry.kind, entry.namespace, entry.name, entry.uid)
        if reconciler := reconcilers.get(entry.kind):
            operations.check(resource, reconciler, wanted=exists)
