"""The lab for end-to-end tests: up once a session, and cleared after each test."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.e2e.failing import Failing
from tests.e2e.quadlets import Quadlet
from tests.e2e.support import Bench, clear_host, make_namespace, remove_namespace
from tests.lab import inventory, lifecycle, paths
from tests.lab.hosts import NamespacedHost
from tests.lab.vm import VirtualHost

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.lab.inventory import Host

LOG_LINES = 40
"""Of each agent, that a failed test shows."""
MACHINE_PATIENCE = 300.0
"""How long a test waits for software emulation, in seconds."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the agents said with each failed test."""
    report = yield
    if report.failed and report.when == "call" and "bench" in getattr(item, "fixturenames", ()):
        for name in inventory.NAMESPACED:
            log = inventory.host(name).agent_log().splitlines()
            # kopf tells of each attempt to reach an API server that is away.
            said = [line for line in log if "Request attempt #" not in line][-LOG_LINES:]
            report.sections.append((f"agent of {name}", "\n".join(said)))
    return report


@pytest.fixture(scope="session")
def lab() -> None:
    """The control plane and the namespaced hosts, each with an agent of the present code."""
    lifecycle.up()


@pytest.fixture
def bench(lab: None) -> Iterator[Bench]:
    """A namespace, agents that run with their defaults, and nothing left of the test after it."""
    hosts = [inventory.host(name) for name in inventory.NAMESPACED]
    for host in hosts:
        # Also after a test that killed the agent or gave it other settings.
        host.up()
        host.agent_start()
    bench = Bench()
    make_namespace(bench.prefix)
    yield bench
    for host in hosts:
        host.up()
        # What is being deleted may need it.
        if not host.agent_running():
            host.agent_start()
    remove_namespace(bench.prefix)
    with ThreadPoolExecutor() as threads:
        list(threads.map(partial(clear_host, prefix=bench.prefix), hosts))
    shutil.rmtree(paths.ARCHIVES / bench.prefix, ignore_errors=True)


@pytest.fixture(scope="module")
def other_hosts(lab: None) -> Iterator[dict[str, Host]]:
    """The hosts with storage of their own, up for the tests of one module."""
    names = tuple(inventory.OTHER_STORAGE)
    lifecycle.up(names)
    hosts = {name: inventory.host(name) for name in names}
    yield hosts
    for host in hosts.values():
        host.down()


@pytest.fixture(scope="session")
def machine() -> Iterator[VirtualHost]:
    """``host-v``, with an agent of the present code; off again afterwards."""
    lifecycle.up(["host-v"])
    host = VirtualHost("host-v")
    host.agent_start()
    yield host
    host.destroy()


@pytest.fixture
def work(machine: VirtualHost) -> Iterator[Bench]:
    """What ``bench`` is, on ``machine``."""
    bench = Bench(patience=MACHINE_PATIENCE)
    make_namespace(bench.prefix)
    yield bench
    machine.agent_start()
    remove_namespace(bench.prefix)
    clear_host(machine, bench.prefix)


@pytest.fixture
def quadlet(machine: VirtualHost, work: Bench) -> Iterator[Quadlet]:
    """A Quadlet as it is by default, whose container counts."""
    machine.load_image("busybox")
    quadlet = Quadlet(machine, work.name("q"))
    quadlet.install(work.prefix)
    yield quadlet
    machine.agent_start()
    quadlet.remove()


@pytest.fixture
def failing(request: pytest.FixtureRequest, lab: None) -> Iterator[Failing]:
    """The row of the catalogue that a test is marked to reproduce; it has to, in the end."""
    (marker,) = request.node.iter_markers("reproduces")
    failing = Failing(row=marker.args[0], host=NamespacedHost("host-a"))
    yield failing
    clear_host(failing.host, failing.bench.prefix)
    assert failing.seen


@pytest.fixture
def host_a(bench: Bench) -> Host:
    """The host ``host-a``."""
    return inventory.host("host-a")


@pytest.fixture
def host_b(bench: Bench) -> Host:
    """The host ``host-b``, which sees the same archives."""
    return inventory.host("host-b")
