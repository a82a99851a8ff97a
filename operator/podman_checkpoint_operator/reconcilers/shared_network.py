"""The network that a container shares with others, which CRIU locks from a dump to its restore."""

from __future__ import annotations

from contextlib import suppress

from ..decisions.facts import State
from .machine_port import Machine
from .podman_port import Podman, PodmanError


def reopen(podman: Podman, machine: Machine, owner: str) -> None:
    """Open a network again when nothing is to be restored into it for now.

    Args:
        podman: of this host.
        machine: this host.
        owner: the ID of the container whose network it is; empty for a network not shared.
    """
    with suppress(PodmanError):
        container = podman.find(owner) if owner else None
        if container is not None and container.state is State.RUNNING:
            machine.unlock_network(container)
