"""A client's open connection through a published port: kept where asked, in the way where not."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import Container, condition
from tests.lab import paths
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

PORT = 17000
# The shell answers each line with its number, which it has in memory.
SERVER = """\
cat >/answer <<'END'
n=0
while read -r line; do
	n=$((n + 1))
	echo "$n $line"
done
END
exec nc -l -p 7000 -e sh /answer
"""


class Client:
    """A client on the machine, outside of all hosts."""

    def __init__(self) -> None:
        self._socket = socket.create_connection((f"{paths.SUBNET}.1", PORT), timeout=60)
        self._lines = self._socket.makefile("r")

    def ask(self, line: str) -> str:
        self._socket.sendall(f"{line}\n".encode())
        return self._lines.readline().strip()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def server(bench: Bench, host_a: Host) -> Container:
    """A server on host-a that takes one connection."""
    container = bench.run(host_a, "sh", "-c", SERVER, options=(f"--publish={PORT}:7000",))
    wait_until(lambda: "7000" in container.exec("netstat", "-ltn").stdout, "the server to listen")
    return container


@pytest.fixture
def client(server: Container) -> Iterator[Client]:
    """A client that is connected to it, and has asked once."""
    client = Client()
    assert client.ask("before") == "1 before"
    yield client
    client.close()


def test_the_connection_goes_on_after_checkpoint_and_restore(
    bench: Bench, server: Container, client: Client, host_a: Host
) -> None:
    saved = bench.checkpoint(server, tcpEstablished=True)
    saved.wait_ready()
    assert server.state == "exited"

    bench.restore(host_a, saved, tcpEstablished=True).wait_ready()

    assert client.ask("after") == "2 after"


def test_the_connection_goes_on_through_a_live_archive(
    bench: Bench, server: Container, client: Client
) -> None:
    bench.checkpoint(server, tcpEstablished=True, leaveRunning=True, archive={}).wait_ready()

    assert client.ask("after") == "2 after"


def test_without_the_option_nothing_is_touched(
    bench: Bench, server: Container, client: Client
) -> None:
    started = server.started_at

    status = bench.checkpoint(server).wait_failed("TCPEstablished")

    assert condition(status, "PreflightPassed")["status"] == "False"
    assert "spec.tcpEstablished: true" in status["diagnosis"]["remedy"]
    assert ":7000" in status["diagnosis"]["evidence"]
    assert server.started_at == started
    assert client.ask("after") == "2 after"


def test_a_restore_without_the_option_says_so(
    bench: Bench, server: Container, client: Client, host_a: Host
) -> None:
    saved = bench.checkpoint(server, tcpEstablished=True)
    saved.wait_ready()

    status = bench.restore(host_a, saved, "wrong").wait_failed("TCPEstablished")
    assert "spec.tcpEstablished: true" in status["diagnosis"]["remedy"]
    assert condition(status, "PreflightPassed")["status"] == "False"

    # Nothing was begun that would be in the way of this.
    bench.restore(host_a, saved, "right", tcpEstablished=True).wait_ready()
    assert client.ask("after") == "2 after"
