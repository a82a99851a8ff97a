"""Hosts of their own for the tests of the lab, so that they leave the lab's hosts alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import agents, network, paths
from tests.lab.hosts import NamespacedHost
from tests.lab.stand_in import Checkout
from tests.lab.vm import VirtualHost

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def bridge() -> Iterator[None]:
    """The lab's bridge; gone again afterwards if it was not there before."""
    was_there = Path(f"/sys/class/net/{paths.BRIDGE}").exists()
    network.ensure_bridge()
    yield
    if not was_there:
        network.remove_bridge()


@pytest.fixture(scope="session")
def host(bridge: None) -> Iterator[NamespacedHost]:
    """A host that is up, and new at the start of the session."""
    yield from _new_host("host-t")


@pytest.fixture(scope="session")
def other_host(bridge: None) -> Iterator[NamespacedHost]:
    """A second one."""
    yield from _new_host("host-u")


@pytest.fixture(scope="session")
def new_vm() -> Iterator[VirtualHost]:
    """A virtual machine, new at the start of the session."""
    machine = VirtualHost("host-w")
    machine.destroy()
    yield machine
    machine.destroy()


@pytest.fixture
def vm(new_vm: VirtualHost) -> Iterator[VirtualHost]:
    """The virtual machine, up, without containers."""
    new_vm.up()
    yield new_vm
    if new_vm.is_up():
        new_vm.exec("podman", "rm", "--all", "--force", "--time=0")


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """What agents are made from: stand-ins."""
    checkout = Checkout()
    monkeypatch.setattr(agents, "prepare", checkout.prepare)
    return checkout


@pytest.fixture(autouse=True)
def no_containers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove a test's containers after it."""
    yield
    for name in {"host", "other_host"} & set(request.fixturenames):
        host: NamespacedHost = request.getfixturevalue(name)
        host.exec("podman", "rm", "--all", "--force", "--time=0")


def _new_host(name: str) -> Iterator[NamespacedHost]:
    host = NamespacedHost(name)
    host.destroy()
    host.up()
    yield host
    host.destroy()
