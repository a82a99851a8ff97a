"""The agent in a container, started with what Podman makes of the project's Quadlet.

The namespaced hosts have no systemd, so the lab carries out the commands of the unit that Podman's
own generator prints. What that cannot show, a boot and a stop by systemd, is for host-v.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from . import agent_image, paths
from .waiting import wait_until

if TYPE_CHECKING:
    from .hosts import NamespacedHost

SOURCE: Final = paths.CHECKOUT / "manifests" / "quadlet" / "podman-checkpoint-agent.container"
CONTAINER: Final = SOURCE.stem
FOLDER: Final = "/run/podman-checkpoint-quadlet"
CGROUP: Final = f"/sys/fs/cgroup/{CONTAINER}"
ENTER: Final = f'mkdir -p {CGROUP} && echo 0 >{CGROUP}/cgroup.procs && exec "$0" "$@"'
"""Podman splits the control group that it is started in, as that of a systemd unit is made for."""
REMOVE: Final = f"test ! -e {CGROUP} || find {CGROUP} -depth -type d -delete"
GENERATOR: Final = "/usr/lib/systemd/system-generators/podman-system-generator"


def start(host: NamespacedHost) -> None:
    """Build the image and start the agent; the host's own must not be running."""
    agent_image.build(host)
    for command in commands(host):
        host.exec("sh", "-c", ENTER, *command)


def log(host: NamespacedHost) -> str:
    """What the agent has said."""
    done = host.exec("podman", "logs", CONTAINER, check=False)
    return done.stdout + done.stderr


def stop(host: NamespacedHost) -> None:
    """End the agent as systemd would, but without its patience."""
    host.exec("podman", "rm", "--force", "--ignore", "--time=10", CONTAINER)
    # The last of its helpers cleans up after it.
    wait_until(lambda: host.exec("sh", "-c", REMOVE, check=False).returncode == 0, "its end")


def commands(host: NamespacedHost) -> list[list[str]]:
    """Return the commands that start the unit, as Podman's generator of this host makes them."""
    script = 'mkdir -p "$0" && cat >"$0/$1" && QUADLET_UNIT_DIRS=$0 exec "$2" --dryrun'
    made = host.exec(
        *("sh", "-c", script, FOLDER, SOURCE.name, GENERATOR), stdin=SOURCE.read_text()
    )
    host.exec("rm", "-r", FOLDER)
    lines = made.stdout.partition("[Service]")[2].splitlines()
    found = [
        value.replace("%t", "/run").replace("%N", CONTAINER).replace("%%", "%")
        for name, _, value in (line.partition("=") for line in lines)
        if name in ("ExecStartPre", "ExecStart")
    ]
    return [shlex.split(value) for value in found]
