"""Where the lab keeps things, and the names that keep two checkouts on one machine apart.

Everything that one lab makes lies in ``.lab/`` of its checkout or carries its identity in its name
(network devices, namespaces, cgroups). What is costly to build and does not change is cached
outside the checkout, keyed by version, and shared.

``PODMAN_CHECKPOINT_LAB=2`` makes it the second lab of the same checkout, in ``.lab-2/``.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[2]
NUMBER: Final = int(os.environ.get("PODMAN_CHECKPOINT_LAB", "1"))
"""Which of the checkout's labs this is."""

_suffix = f"-{NUMBER}" if NUMBER > 1 else ""
STATE: Final = CHECKOUT / f".lab{_suffix}"
CACHE: Final = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podman-checkpoint-lab"
)

_digest = hashlib.sha256(str(CHECKOUT).encode()).digest()

IDENTITY: Final = hashlib.sha256(f"{CHECKOUT}{_suffix}".encode()).hexdigest()[:4]
"""Four hex digits of this lab: part of every name that is global to the machine."""

# Next to each other: labs of one checkout are to be up at the same time.
SUBNET: Final = f"10.99.{(_digest[4] + NUMBER - 1) % 256}"
"""First three octets of this lab's /24. The machine is ``.254``, the hosts count from ``.1``."""

GATEWAY: Final = f"{SUBNET}.254"
BRIDGE: Final = f"pcl{IDENTITY}"
CGROUP_PREFIX: Final = f"pcl-{IDENTITY}"

KUBECONFIG: Final = STATE / "kubeconfig"
"""The lab's administrator; agents have credentials of their own, see :mod:`.credentials`."""

ARCHIVES: Final = STATE / "archives"
"""The default store: every host sees this folder as ``ARCHIVES_IN_HOST``."""

ARCHIVES_IN_HOST: Final = Path("/var/lib/podman-checkpoint/archives")
HOSTS: Final = STATE / "hosts"
