"""The target of a restore: what it has and lacks, and the container that has to make room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from ..api.reasons import Cause
from ..api.restore import RestoreSpec, published
from ..decisions import network_preflight as network
from ..decisions import restore_preflight as preflight
from ..decisions.archive_preflight import Origin, Saved
from ..decisions.capabilities import work_of
from ..decisions.facts import Container, Endpoint, Host, Network, State, Target
from ..decisions.failures import sentences
from ..decisions.preflight import Check
from .archive_port import Manifest
from .journal import Step
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman, PodmanError


def saved(manifest: Manifest) -> Saved:
    """Return what the checks need to know of an archive."""
    return Saved(
        container_name=manifest.container_name,
        container_id=manifest.container_id,
        image_name=manifest.image_name,
        image_id=manifest.image_id,
        runtime=manifest.runtime,
        architecture=manifest.architecture,
        origin=Origin.read(manifest.origin),
    )


def observe_target(
    podman: Podman, machine: Machine, manifest: Manifest, spec: RestoreSpec
) -> Target:
    """Look for everything that the restored container will need or take."""
    name = spec.name or manifest.container_name
    networks, missing_networks = networks_of(podman, manifest.endpoints)
    return Target(
        container_by_name=podman.find(name),
        container_by_id=None if spec.name else podman.find(manifest.container_id),
        image_present=bool(podman.image_id(manifest.image_id)),
        image_tag_matches=podman.image_id(manifest.image_name) == manifest.image_id,
        missing_networks=missing_networks,
        networks=networks,
        existing_volumes=tuple(
            volume for volume in manifest.volumes if podman.volume_source(volume)
        ),
        missing_mount_sources=machine.missing(manifest.mount_sources),
        symlinked_mount_sources=machine.symlinks(manifest.mount_sources),
        busy_ports=machine.busy_ports(_ports(manifest, spec)),
    )


def option_checks(host: Host, manifest: Manifest, spec: RestoreSpec) -> Iterator[Check]:
    """Checks that agent, Podman and runtime can do what is asked for, of an archive."""
    work = work_of(
        archive=True,
        commands=spec.verify is not None,
        shared_network=bool(spec.pod),
        ports=_ports(manifest, spec),
    )
    return preflight.option_checks(
        host, tcp_close=spec.tcp_close, runtime=manifest.runtime, work=work
    )


def _ports(manifest: Manifest, spec: RestoreSpec) -> Sequence[tuple[str, str, int]]:
    return published(spec.publish_ports) if spec.publish_ports else manifest.published


def networks_of(
    podman: Podman, endpoints: Sequence[Endpoint]
) -> tuple[tuple[Network, ...], tuple[str, ...]]:
    """Return the networks of a container, and the names of those that are not there."""
    found = {each.network: podman.network(each.network) for each in endpoints}
    missing = tuple(name for name, network in found.items() if network is None)
    return tuple(filter(None, found.values())), missing


def network_options(spec: RestoreSpec) -> list[str]:
    """Return the fields that are set and change how the container is in its networks."""
    asked = {
        "spec.publishPorts": spec.publish_ports,
        "spec.ignoreStaticIP": spec.ignore_static_ip,
        "spec.ignoreStaticMAC": spec.ignore_static_mac,
    }
    return [name for name, value in asked.items() if value]


def network_checks(
    saved: Sequence[Endpoint],
    networks: Sequence[Network],
    spec: RestoreSpec,
    *,
    connections: bool,
    asked: Sequence[Endpoint] = (),
) -> Iterator[Check]:
    """Checks of the addresses that the container will have, and of its connections.

    Args:
        saved: where it was in its networks.
        networks: those of them that are there.
        spec: what is asked for.
        connections: it had established ones.
        asked: the addresses that it was made with.
    """
    wanted = network.wanted_endpoints(
        saved,
        asked,
        new_name=bool(spec.name),
        ignore_ip=spec.ignore_static_ip,
        ignore_mac=spec.ignore_static_mac,
    )
    yield from network.address_checks(wanted, networks)
    yield from network.moved_connection_checks(
        connections=connections,
        tcp_established=spec.tcp_established,
        ignore_ip=spec.ignore_static_ip,
    )


def way_back(name: str, kept_aside: str) -> str:
    """Return how users go back to the container that a restored one has replaced."""
    return (
        f"The container that it replaced is kept, stopped, as {kept_aside}: to go back to it,"
        f" podman rm -f {name}, podman rename {kept_aside} {name} and podman start {name}; or"
        f" podman rm {kept_aside}"
    )


class Replacement:
    """The container that ``existingContainer: Replace`` gives up for the restored one.

    One with another ID is stopped and put aside under another name, and comes back when the restore
    fails. The container itself, with the same ID, cannot be put aside: Podman allows an ID once. It
    is removed when the archive has been verified, which then is the state that the user asked for.
    """

    def __init__(self, podman: Podman, operation: Operation) -> None:
        self._podman = podman
        self._operation = operation
        self._replaced: list[Container] = []

    def plan(self, target: Target) -> list[Container]:
        """Note which containers stand in the way, and return them."""
        found = (target.container_by_id, target.container_by_name)
        self._replaced = list({c.id: c for c in found if c is not None}.values())
        return self._replaced

    def without_replaced(self, target: Target, spec: RestoreSpec) -> Target:
        """Return the target as it will be without them."""
        running = any(container.state is State.RUNNING for container in self._replaced)
        ids = {container.id for container in self._replaced}
        return replace(
            target,
            networks=tuple(
                replace(
                    network,
                    neighbours=tuple(each for each in network.neighbours if each.id not in ids),
                )
                for network in target.networks
            ),
            container_by_id=None,
            container_by_name=None,
            # Their ports get free; that nobody else listens there shows when they are gone.
            busy_ports=() if running and not spec.publish_ports else target.busy_ports,
        )

    def make_room(self, *, name: str, container_id: str) -> None:
        """Stop and put aside, or remove, what stands in the way.

        Args:
            name: that the restored container will have.
            container_id: that it will have; empty for a new one.
        """
        known = self._operation.entry.data
        for container in self._replaced:
            if container.id == container_id:
                self._podman.remove(container.id)
                continue
            running = container.state is State.RUNNING
            # An agent that was killed may have stopped it already.
            stopped_by_us = known.get("aside") == container.id and known["wasRunning"]
            self._operation.record(
                Step.REPLACING, aside=container.id, name=name, wasRunning=running or stopped_by_us
            )
            if running:
                self._podman.stop(container.id)
            self._podman.rename(container.id, self._aside(name))

    @property
    def kept_as(self) -> str:
        """The name of the container that was put aside; empty if none was."""
        data = self._operation.entry.data
        return self._aside(data["name"]) if data.get("aside") else ""

    def _aside(self, name: str) -> str:
        return f"{name}-replaced-{self._operation.entry.uid[:8]}"

    def put_back(self) -> None:
        """After a failure: the container that was put aside gets its name back and runs again."""
        data = self._operation.entry.data
        container = self._podman.find(data["aside"]) if data.get("aside") else None
        if container is None:
            return
        if container.name != data["name"]:
            self._podman.rename(container.id, data["name"])
        if data["wasRunning"] and container.state is not State.RUNNING:
            with suppress(PodmanError):
                self._podman.start(container.id)

    def keep(self) -> None:
        """Tell users of the container that was put aside: nobody has verified the restored one."""
        if kept := self.kept_as:
            name = self._operation.entry.data["name"]
            seen = f"Container {name} was restored, and not verified when its resource was deleted"
            message = sentences(seen, way_back(name, kept))
            self._operation.event("Warning", Cause.INTERRUPTED, message)

    def complete(self) -> None:
        """After success: remove the container that was put aside."""
        if self._operation.entry.data.get("aside"):
            self._podman.remove(self._operation.entry.data["aside"])
