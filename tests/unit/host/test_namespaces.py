"""Namespaces of other processes: what a socket in them sees, and how control groups are named."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.host.namespaces import enter_cgroup_namespace, socket_in

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stranger() -> Iterator[Path]:
    """A process with a network and a view of control groups of its own."""
    script = "import sys, time; print(); sys.stdout.flush(); time.sleep(600)"
    with subprocess.Popen(
        ["unshare", "--net", "--cgroup", sys.executable, "-c", script], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Path(f"/proc/{process.pid}")
        process.kill()


def test_a_socket_belongs_to_the_other_network(stranger: Path) -> None:
    with socket.socket() as here:
        here.bind(("0.0.0.0", 0))
        with socket_in(stranger / "ns/net", socket.AF_INET, socket.SOCK_STREAM) as there:
            there.bind(here.getsockname())
        with (
            socket_in(Path("/proc/self/ns/net"), socket.AF_INET, socket.SOCK_STREAM) as twice,
            pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)),
        ):
            twice.bind(here.getsockname())


def test_this_thread_stays_in_its_network(stranger: Path) -> None:
    before = os.readlink("/proc/thread-self/ns/net")
    socket_in(stranger / "ns/net", socket.AF_INET, socket.SOCK_DGRAM).close()
    assert os.readlink("/proc/thread-self/ns/net") == before


def test_a_namespace_that_is_gone() -> None:
    with pytest.raises(FileNotFoundError):
        socket_in(Path("/proc/0/ns/net"), socket.AF_INET, socket.SOCK_STREAM)


def test_a_view_of_control_groups(stranger: Path) -> None:
    """In a child, which then sees them as the stranger does."""
    child = os.fork()
    if not child:
        try:
            enter_cgroup_namespace(stranger / "ns/cgroup")
            same = os.readlink("/proc/self/ns/cgroup") == os.readlink(stranger / "ns/cgroup")
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
