"""The agent in a container of a namespaced host: of the project's Quadlet, or of the chart's Pod.

These hosts have no systemd, so the lab carries out the commands of the unit that Podman's own
generator prints. There is no kubelet either, and Podman starts the Pod. What that cannot show, a
boot and a stop by systemd, and a cluster's network, is left to others.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from . import agent_image, helm, paths
from .agent_process import KUBECONFIG
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from .hosts import NamespacedHost

SOURCE: Final = paths.CHECKOUT / "manifests" / "quadlet" / "podman-checkpoint-agent.container"
CONTAINER: Final = SOURCE.stem
FOLDER: Final = "/run/podman-checkpoint-quadlet"
CGROUP: Final = f"/sys/fs/cgroup/{CONTAINER}"
ENTER: Final = f'mkdir -p {CGROUP} && echo 0 >{CGROUP}/cgroup.procs && exec "$0" "$@"'
"""Podman splits the control group that it is started in, as that of a systemd unit is made for."""
REMOVE: Final = f"test ! -e {CGROUP} || find {CGROUP} -depth -type d -delete"
KUBE_NETWORK: Final = "podman-default-kube-network"
GENERATOR: Final = "/usr/lib/systemd/system-generators/podman-system-generator"


class QuadletAgent:
    """The agent that the Quadlet describes, on one host."""

    container = CONTAINER

    def __init__(self, host: NamespacedHost) -> None:
        self._host = host

    def start(self, change: Callable[[str], str] = str) -> None:
        """Build the image and start the agent; the host's own must not be running.

        Args:
            change: what becomes of each word of the unit's commands.
        """
        agent_image.build(self._host)
        for command in commands(self._host):
            self._host.exec("sh", "-c", ENTER, *map(change, command))

    def stop(self) -> None:
        """End the agent as systemd would, but without its patience."""
        self._host.exec("podman", "rm", "--force", "--ignore", "--time=10", CONTAINER)
        # The last of its helpers cleans up after it.
        wait_until(
            lambda: self._host.exec("sh", "-c", REMOVE, check=False).returncode == 0, "its end"
        )


class PodAgent:
    """The agent of the chart's DaemonSet, on one host."""

    def __init__(self, host: NamespacedHost) -> None:
        self._host = host
        self._manifest = _daemon_set(host.name)
        self.container = f"{self._manifest['metadata']['name']}-pod-agent"

    def start(self) -> None:
        """Build the image and start the Pod; the host's own agent must not be running."""
        agent_image.build(self._host)
        self._podman_kube("play")

    def stop(self) -> None:
        """Remove the Pod, and the network that Podman has made for such."""
        self._podman_kube("down")
        self._host.exec("podman", "network", "rm", "--force", KUBE_NETWORK)

    def _podman_kube(self, command: str) -> None:
        self._host.exec("podman", "kube", command, "-", stdin=json.dumps(self._manifest))


def _daemon_set(node: str) -> dict[str, Any]:
    """The chart's DaemonSet without what only a cluster gives: names of nodes, and accounts."""
    repository, _, tag = agent_image.IMAGE.rpartition(":")
    (manifest,) = helm.template(
        "--show-only=templates/agent.yaml",
        f"--set=image.repository={repository},image.tag={tag}",
        f"--set=agent.extraEnv[0].name=KUBECONFIG,agent.extraEnv[0].value=/host{KUBECONFIG}",
        # The lab's machine may have these controllers on cgroup v1.
        "--set=agent.resources=null",
    )
    spec = manifest["spec"]["template"]["spec"]
    for variable in spec["containers"][0]["env"]:
        if variable.pop("valueFrom", None):
            variable["value"] = node
    return manifest


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
