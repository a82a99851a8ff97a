"""What may start a container behind the back of its saved state: the input of cold_start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Starters:
    """What may start a container of a host beside its users."""

    podman_restart: bool = False
    """``podman-restart.service`` is enabled: it starts containers by their restart policies."""
    unit_masked: bool = False
    """The systemd unit that the container belongs to cannot be started."""
    unit_guarded: bool = False
    """The unit neither starts nor removes its container while it is held."""
    unit_idle: bool = False
    """The unit is known to systemd, and not active."""
    pod_unit: str = ""
    """The unit of the container's pod, unless that cannot be started."""
