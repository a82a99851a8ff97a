"""Whether a restored container can have the addresses in its networks that it is to have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network

from ..api.reasons import Cause
from ..api.remedies import Setting
from .facts import Endpoint, Network
from .preflight import Check, failed, listed, passed, warned


def wanted_endpoints(
    saved: Sequence[Endpoint],
    asked: Sequence[Endpoint],
    *,
    new_name: bool,
    ignore_ip: bool,
    ignore_mac: bool,
) -> tuple[Endpoint, ...]:
    """Return what Podman will ask of each network.

    Args:
        saved: the addresses at the checkpoint; a container that keeps its name gets them again.
        asked: the addresses that the container was made with; those go to its copies as well.
        new_name: it becomes such a copy.
        ignore_ip: new IP addresses instead.
        ignore_mac: new MAC addresses instead.
    """
    return tuple(
        Endpoint(
            each.network,
            addresses=() if ignore_ip else each.addresses,
            mac="" if ignore_mac else each.mac,
        )
        for each in (asked if new_name else saved)
    )


def address_checks(wanted: Sequence[Endpoint], networks: Sequence[Network]) -> Iterator[Check]:
    """Checks that the addresses exist in the networks, and that nobody has them."""
    by_name = {network.name: network for network in networks}
    found = [
        check
        for endpoint in wanted
        if endpoint.network in by_name
        for check in _conflicts(endpoint, by_name[endpoint.network])
    ]
    yield from found
    if not found:
        kept = [each for endpoint in wanted for each in (*endpoint.addresses, endpoint.mac) if each]
        yield passed("Addresses", f"{listed(kept)} free" if kept else "new ones will be given")


def moved_connection_checks(
    *, connections: bool, tcp_established: bool, ignore_ip: bool
) -> Iterator[Check]:
    """Checks that connections are not to go on from an address that the container gives up."""
    if connections and tcp_established and ignore_ip:
        yield warned(
            "TCPConnections",
            "ignoreStaticIP gives the container a new address, and connections of its old one"
            " cannot be restored",
            Setting("spec.ignoreStaticIP: false unless all connections are within the container"),
        )


def _conflicts(wanted: Endpoint, network: Network) -> Iterator[Check]:
    for address in wanted.addresses:
        if network.subnets and not any(_within(address, subnet) for subnet in network.subnets):
            yield failed(
                "Addresses",
                f"{address} is outside of network {network.name} on this host, which has"
                f" {listed(network.subnets)}",
                Cause.ADDRESS_OUTSIDE_NETWORK,
                Setting(
                    "spec.ignoreStaticIP: true to give the container an address of this network",
                    otherwise="create the network with the subnet that it had",
                ),
            )
    for neighbour in network.neighbours:
        taken = set(wanted.addresses) & set(neighbour.endpoint.addresses)
        if taken:
            yield failed(
                "Addresses",
                f"container {neighbour.name} has {listed(sorted(taken))} in network {network.name}",
                Cause.ADDRESS_IN_USE,
                Setting(
                    "spec.ignoreStaticIP: true to give the restored container another address",
                    otherwise=f"stop {neighbour.name}",
                ),
            )
        if wanted.mac and wanted.mac.lower() == neighbour.endpoint.mac.lower():
            yield failed(
                "Addresses",
                f"container {neighbour.name} has MAC address {wanted.mac} in network"
                f" {network.name}",
                Cause.ADDRESS_IN_USE,
                Setting(
                    "spec.ignoreStaticMAC: true to give the restored container another one",
                    otherwise=f"stop {neighbour.name}",
                ),
            )


def _within(address: str, subnet: str) -> bool:
    try:
        return ip_address(address) in ip_network(subnet, strict=False)
    except ValueError:
        # The archive may hold anything; Podman says what is wrong with it.
        return True
