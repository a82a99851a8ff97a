"""A restored container's addresses exist in its networks, and nobody else has them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import Endpoint, Neighbour, Network
from podman_checkpoint_operator.decisions.network_preflight import (
    address_checks,
    moved_connection_checks,
    wanted_endpoints,
)
from podman_checkpoint_operator.decisions.preflight import Check

SAVED = Endpoint("n1", ("10.77.0.9",), "02:00:00:00:77:09")
ASKED = Endpoint("n1", ("10.77.0.9",), "")
OTHER = Endpoint("n1", ("10.77.0.8",), "02:00:00:00:77:08")


def network(*endpoints: Endpoint, subnet: str = "10.77.0.0/24") -> Network:
    neighbours = (Neighbour(f"id{n}", f"web{n}", each) for n, each in enumerate(endpoints))
    return Network("n1", (subnet,), tuple(neighbours))


def causes(checks: Iterable[Check]) -> list[Cause]:
    return [check.cause for check in checks if check.result == "Fail"]


@pytest.mark.parametrize(
    ("new_name", "ignore_ip", "ignore_mac", "expected"),
    [
        (False, False, False, SAVED),
        (False, True, False, Endpoint("n1", (), SAVED.mac)),
        (False, False, True, Endpoint("n1", SAVED.addresses, "")),
        (False, True, True, Endpoint("n1")),
        # Podman gives a copy the addresses of its configuration only.
        (True, False, False, ASKED),
        (True, True, False, Endpoint("n1")),
    ],
)
def test_what_podman_will_ask_for(
    new_name: bool, ignore_ip: bool, ignore_mac: bool, expected: Endpoint
) -> None:
    wanted = wanted_endpoints(
        [SAVED], [ASKED], new_name=new_name, ignore_ip=ignore_ip, ignore_mac=ignore_mac
    )
    assert wanted == (expected,)


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        (SAVED, network(OTHER), []),
        (SAVED, network(Endpoint("n1", SAVED.addresses, OTHER.mac)), [Cause.ADDRESS_IN_USE]),
        (SAVED, network(Endpoint("n1", OTHER.addresses, SAVED.mac)), [Cause.ADDRESS_IN_USE]),
        (SAVED, network(subnet="10.78.0.0/24"), [Cause.ADDRESS_OUTSIDE_NETWORK]),
        (Endpoint("n1"), network(SAVED, subnet="10.78.0.0/24"), []),
        (SAVED, Network("n1"), []),
        # A missing network is found elsewhere, and Podman says what is wrong with an odd address.
        (SAVED, Network("n2"), []),
        (Endpoint("n1", ("fd00::9",)), network(subnet="fd00::/64"), []),
        (Endpoint("n1", ("nonsense",)), network(), []),
    ],
)
def test_conflicts(wanted: Endpoint, found: Network, expected: list[Cause]) -> None:
    checks = list(address_checks([wanted], [found]))
    assert causes(checks) == expected
    assert bool(expected) == (checks[0].result != "Pass")


def test_the_remedy_names_the_field_and_the_holder() -> None:
    (address, mac) = address_checks([SAVED], [network(SAVED)])
    assert "spec.ignoreStaticIP: true" in address.remedy
    assert "spec.ignoreStaticMAC: true" in mac.remedy
    assert "web0" in address.explanation


@pytest.mark.parametrize("missing", ["connections", "tcp_established", "ignore_ip"])
def test_connections_cannot_follow_to_another_address(missing: str) -> None:
    names = ("connections", "tcp_established", "ignore_ip")
    all_of_them = dict.fromkeys(names, True)
    (check,) = moved_connection_checks(**all_of_them)
    assert check.result == "Warn"
    assert not list(moved_connection_checks(**all_of_them | {missing: False}))
