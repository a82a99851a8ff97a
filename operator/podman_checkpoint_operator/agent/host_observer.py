"""A look at the whole host, for its PodmanHost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..decisions.facts import Host, State
from ..decisions.failures import OperationFailed
from ..decisions.host_preflight import lacking_for_tcp_close
from ..decisions.host_report import Observation
from ..host.files import below
from ..host.ghost_limits import GhostLimits
from ..host.machine import LocalMachine
from ..podman.service import PodmanService
from ..stores.directory import DirectoryStore
from .version import product_version


@dataclass(frozen=True)
class HostObserver:
    """Looks at one host.

    Attributes:
        root: where the host's file system is.
        podman: its Podman.
        machine: the host itself.
        limits: its ghost limits.
        store: where its archives go.
    """

    root: Path
    podman: PodmanService
    machine: LocalMachine
    limits: GhostLimits
    store: DirectoryStore

    def __call__(self) -> Observation:
        """Return what there is to see.

        Raises:
            PodmanError: Podman does not answer or refuses.
        """
        host = self.machine.host()
        trouble = None
        capacity_bytes, available_bytes = 0, 0
        try:
            capacity_bytes, available_bytes = self.store.space()
        except OperationFailed as failure:
            trouble = failure
        return Observation(
            agent_version=product_version(),
            boot_id=self.machine.boot_id(),
            operating_system=_operating_system(self.root),
            host=host,
            pre_copy=_asked_once(host, self.machine.tracks_memory),
            tcp_close=not lacking_for_tcp_close(host, host.runtime),
            criu_config_file=self.limits.usual_file(),
            store=self.store.root,
            store_capacity_bytes=capacity_bytes,
            store_available_bytes=available_bytes,
            store_trouble=trouble,
            running=sum(each.state is State.RUNNING for each in self.podman.containers()),
        )


@lru_cache(maxsize=1)
def _asked_once(host: Host, tracks_memory: Callable[[], bool]) -> bool:
    """Ask CRIU again only when something of the host has changed: the answer takes it a while."""
    return tracks_memory()


def _operating_system(root: Path) -> str:
    for line in below(root, Path("/etc/os-release")).read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip("\"'")
    return ""
