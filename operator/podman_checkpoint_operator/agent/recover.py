"""What an agent does first: undo what its predecessor held, and forget what nobody asks for now."""

from __future__ import annotations

import logging
from pathlib import Path

from ..api.names import CHECKPOINTS, RESTORES
from ..host.ghost_limits import GhostLimits
from ..host.machine import LocalMachine
from ..reconcilers.journal import Entry, Journal
from ..reconcilers.operation import StatusUnwritable
from ..reconcilers.podman_port import PodmanError
from .api_server import ApiServer

logger = logging.getLogger(__name__)


def recover(
    journal: Journal, machine: LocalMachine, limits: GhostLimits, api_server: ApiServer
) -> None:
    """Thaw what an earlier agent had frozen, and drop operations whose resource was deleted.

    The others go on when the watch brings their resources.
    """
    machine.sweep()
    limits.recover()
    for entry in journal.entries():
        if entry.data.get("cgroup"):
            machine.thaw(Path(entry.data["cgroup"]))
        try:
            if not _wanted(entry, api_server):
                logger.info("dropped: its resource was deleted", extra={"uid": entry.uid})
                machine.discard_stage(entry.uid)
                journal.remove(entry.uid)
        except (StatusUnwritable, PodmanError) as error:
            # It stays in the journal; the next start asks again.
            logger.warning("not asked for", extra={"uid": entry.uid, "error": str(error)})


def _wanted(entry: Entry, api_server: ApiServer) -> bool:
    return any(
        api_server.exists(resource.kind, entry.namespace, entry.name, entry.uid)
        for resource in (CHECKPOINTS, RESTORES)
    )
