"""Units whose containers wait for their restore: they neither start nor remove them meanwhile.

A unit is held before the dump that stops its container, and released when the container runs again
or has no state to be restored. The hold is noted on the host, and outlives operation and agent.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

from ..decisions import cold_start
from ..decisions.facts import Container, State
from .machine_port import Machine
from .podman_port import Podman, PodmanError, RestoreOptions

logger = logging.getLogger(__name__)

_RUNS: Final = (State.RUNNING, State.PAUSED)


class Units(Protocol):
    """Units of the host; :class:`~..host.units.HostUnits` has systemd's."""

    def hold(self, unit: str, container_id: str) -> None:
        """Keep a unit from starting and removing its container, durably."""

    def held(self) -> dict[str, str]:
        """Return the units that are held, each with the ID of its container."""

    def release(self, unit: str) -> None:
        """Let a unit do again with its container what its files say."""

    def start_if_skipped(self, unit: str) -> bool:
        """Start a unit that was to be started while it was held; return whether it was."""

    def restore(
        self, container: Container, options: RestoreOptions, *, timeout: float
    ) -> dict[str, int]:
        """Start a container's unit so that it restores the container; return CRIU's statistics."""


class HeldUnits:
    """The units of the host's containers, as far as they are held."""

    def __init__(self, podman: Podman, units: Units, machine: Machine) -> None:
        self._podman = podman
        self._units = units
        self._machine = machine

    def hold(self, container: Container) -> bool:
        """Have a container's unit, if it has one, leave it alone; return whether that was done."""
        if not cold_start.can_be_held(container, self._machine.starters(container)):
            return False
        self._units.hold(container.unit, container.id)
        logger.info("unit held", extra={"container": container.name, "unit": container.unit})
        return True

    def restore(
        self, container: Container, options: RestoreOptions, *, timeout: float
    ) -> dict[str, int]:
        """Restore a container in place, in its unit where that is possible."""
        if not cold_start.is_restored_by_unit(container, self._machine.starters(container)):
            return self._podman.restore(container.id, options, timeout=timeout)
        # Should the restore fail, the unit must not remove what it could be tried again with.
        self._units.hold(container.unit, container.id)
        return self._units.restore(container, options, timeout=timeout)

    def settle(self, container_id: str) -> None:
        """Release a container's unit if there is nothing to wait for any more.

        To be called while no operation is under way that may stop the container, as often as one
        likes: what cannot be done now is left to the next call.
        """
        for unit, held_for in self._units.held().items():
            if held_for == container_id:
                self._settle(unit, container_id)

    def held(self) -> list[str]:
        """Return the IDs of the containers whose units are held."""
        return sorted(set(self._units.held().values()))

    def _settle(self, unit: str, container_id: str) -> None:
        try:
            container = self._podman.find(container_id)
        except PodmanError as error:
            logger.warning("unit not released yet", extra={"unit": unit, "error": str(error)})
            return
        if container is None:
            self._units.release(unit)
        elif container.state in _RUNS:
            if not self._machine.is_dumped(container):
                self._units.release(unit)
        elif self._machine.stored_checkpoint(container.bundle) is None:
            self._units.release(unit)
            if self._units.start_if_skipped(unit):
                logger.warning("unit started afresh: nothing was saved", extra={"unit": unit})
