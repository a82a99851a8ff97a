"""Keeps a container that was stopped by a checkpoint from being started afresh behind our back.

By its unit, if it has one: :mod:`.held_units`.

Podman starts containers with certain restart policies when the host boots. Such a policy is taken
from the container before the dump that stops it, and given back when the container runs again,
whoever has started it. It is noted on the host before it is taken: at every moment either the
container has its policy, or the note tells it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from ..decisions.cold_start import NEVER, is_started_at_boot
from ..decisions.facts import Container, RestartPolicy, State
from .held_units import HeldUnits
from .podman_port import Podman, PodmanError

logger = logging.getLogger(__name__)

_RUNS: Final = (State.RUNNING, State.PAUSED)


class Notes(Protocol):
    """Where the policies are noted; :class:`~..host.restart_notes.RestartNotes` keeps files."""

    def write(self, container_id: str, policy: RestartPolicy) -> None:
        """Note the policy that a container is to get back, durably."""

    def read(self, container_id: str) -> RestartPolicy | None:
        """Return the policy that a container is to get back, if one is noted."""

    def remove(self, container_id: str) -> None:
        """Forget a container."""

    def containers(self) -> list[str]:
        """Return the IDs of all containers with a note."""


class RestartPolicies:
    """The restart policies of the host's containers, as far as they are suspended."""

    def __init__(
        self,
        podman: Podman,
        notes: Notes,
        is_dumped: Callable[[Container], bool],
        units: HeldUnits,
    ) -> None:
        self.units = units
        """The containers' units, which are settled with the policies."""
        self._podman = podman
        self._notes = notes
        self._is_dumped = is_dumped

    def suspend(self, container: Container) -> bool:
        """Have a running container not be started at boot; return whether that was needed."""
        if not is_started_at_boot(container.restart_policy):
            return False
        self._notes.write(container.id, container.restart_policy)
        self._podman.set_restart_policy(container.id, NEVER)
        logger.info("restart policy suspended", extra={"container": container.name})
        return True

    def settle(self, container_id: str) -> None:
        """Give a container its policy back if it runs; forget one that is gone or was changed.

        To be called while no operation is under way that may stop the container, as often as one
        likes: what cannot be done now is left to the next call.
        """
        self.units.settle(container_id)
        self._settle_policy(container_id)

    def _settle_policy(self, container_id: str) -> None:
        policy = self._notes.read(container_id)
        if policy is None:
            return
        try:
            container = self._podman.find(container_id)
            if container is not None and container.restart_policy == NEVER:
                if container.state not in _RUNS or self._is_dumped(container):
                    return
                self._podman.set_restart_policy(container_id, policy)
                logger.info("restart policy put back", extra={"container": container.name})
        except PodmanError as error:
            logger.warning("restart policy not put back yet", extra={"error": str(error)})
        else:
            self._notes.remove(container_id)

    def suspended(self) -> list[str]:
        """Return the IDs of the containers that may have something to be settled."""
        return sorted({*self._notes.containers(), *self.units.held()})
