"""The whole lab, up and down: network, control plane, hosts and their agents, in order."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from . import controller, controlplane, credentials, inventory, network, paths
from .cgroups import hosts_with_cgroup
from .locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FAILURES = (RuntimeError, OSError, subprocess.TimeoutExpired)
"""What a step of the lab can fail with that is no mistake in the lab itself."""


def up(names: Sequence[str] = inventory.NAMESPACED) -> None:
    """Bring up the control plane and these hosts, each with its agent. Safe to repeat.

    An agent that runs is left alone; one that does not is installed anew from this checkout.
    """
    if os.geteuid():
        raise RuntimeError("the lab makes namespaces and network devices: run this as root")
    with locked(paths.CHECKOUT):
        network.ensure_bridge()
        paths.ARCHIVES.mkdir(parents=True, exist_ok=True)
        hosts = [inventory.host(name) for name in names]
        # The first time, one compiles programs while the others download a root file system.
        with ThreadPoolExecutor(max_workers=1) as pool:
            control_plane = pool.submit(controlplane.up)
            for host in hosts:
                host.up()
            control_plane.result()
        controller.up()
        for host in hosts:
            if not host.agent_running():
                host.install_agent(credentials.agent_kubeconfig(host.name))
                host.agent_start()


def down() -> None:
    """Remove every trace of the lab from the machine, its archives included. Safe to repeat.

    Raises:
        ExceptionGroup: if a step fails; the other steps are done nevertheless.
    """
    # The tests of the lab have hosts of their own, which a killed session leaves behind.
    names = dict.fromkeys((*inventory.NAMES, *hosts_with_cgroup()))
    steps: list[Callable[[], None]] = [
        *(inventory.host(name).destroy for name in names),
        controller.down,
        controlplane.down,
        network.remove_bridge,
        _remove_state,
    ]
    failures: list[Exception] = []
    with locked(paths.CHECKOUT):
        for step in steps:
            try:
                step()
            except FAILURES as failure:
                failures.append(failure)
    if failures:
        raise ExceptionGroup("the lab could not be removed completely", failures)


def _remove_state() -> None:
    """Delete ``.lab/``, unless a mount below it leads elsewhere."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [mount for mount in mounts if Path(mount).is_relative_to(paths.STATE)]
    if below:
        raise RuntimeError(f"{paths.STATE} is kept, since these are still mounted: {below}")
    shutil.rmtree(paths.STATE, ignore_errors=True)
