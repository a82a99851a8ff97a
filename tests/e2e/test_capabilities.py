"""An agent that lacks a capability: it says so, and refuses what would fail or lack something.

What each capability is needed for is shown with the product's own code where the rest of an
operation has no part in it. Not here: that the Pod and the Quadlet have all of them; see
tests/packaging/test_chart.py and test_container_agent.py.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import kill_at, require_kept, wait_for_death
from tests.e2e.support import condition
from tests.e2e.test_hosts import podman_host, ready, wait_ready
from tests.lab import agents
from tests.lab.agent_process import without_capabilities
from tests.lab.hosts import NamespacedHost
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench

pytestmark = pytest.mark.lab

MISSING: Final = ("False", "CapabilityMissing")

LOCK: Final = """\
*filter
:CRIU - [0:0]
-I INPUT -j CRIU
-I OUTPUT -j CRIU
-A CRIU -j DROP
COMMIT
"""
"""What CRIU does to a network that it locks by iptables."""

UNLOCK: Final = """\
import os, pathlib
from podman_checkpoint_operator.host.network_lock import unlock
unlock(pathlib.Path("/"), os.getpid())
"""
END: Final = """\
import pathlib, subprocess, sys, tempfile
from podman_checkpoint_operator.host.sessions import end_session
command = ["setpriv", "--reuid=1000", "--clear-groups", "sh", "-c", "echo; exec sleep 3"]
child = subprocess.Popen(command, stdout=subprocess.PIPE)
child.stdout.readline()
with tempfile.TemporaryDirectory() as cgroup:
    pathlib.Path(cgroup, "cgroup.procs").write_text(str(child.pid))
    end_session(proc=pathlib.Path("/proc"), cgroup=pathlib.Path(cgroup), leader=child.pid)
print("done" if child.wait() < 0 else "")
"""
LISTEN: Final = """\
import socket, subprocess, sys
with socket.create_server(("127.0.0.1", 480)):
    subprocess.run(sys.argv[1:], check=True)
"""
LOOK: Final = """\
import pathlib
from podman_checkpoint_operator.host.machine import LocalMachine
found = LocalMachine(pathlib.Path("/"), None, None).busy_ports([("127.0.0.1", "tcp", 480)])
print("done" if found else "")
"""


@pytest.fixture
def host(bench: Bench) -> Iterator[NamespacedHost]:
    """A host whose agent may be started with less than it needs."""
    host = NamespacedHost("host-a")
    yield host
    host.agent_start()
    wait_ready(host.name, "True", "HostReady")


def message(host: NamespacedHost) -> str:
    found: str = condition(podman_host(host.name)["status"], "Ready")["message"]
    return found


def test_without_fsetid_no_archive_is_ready_that_lacks_a_bit(
    bench: Bench, host: NamespacedHost
) -> None:
    container = bench.count(host)
    host.agent_start(without=["FSETID", "KILL"])

    wait_ready(host.name, *MISSING)
    assert "without FSETID, which archives need to keep the set-user-ID" in message(host)
    assert "; without KILL, which hooks and spec.verify need" in message(host)
    assert "add CAP_FSETID CAP_KILL to CapabilityBoundingSet=" in message(host)
    assert "rights missing" in host.agent_log()
    require_failed(
        bench.checkpoint(container, "archive", leaveRunning=True, archive={}),
        "CapabilityMissing",
        evidence="without FSETID",
        remedy="add CAP_FSETID to CapabilityBoundingSet=",
    )
    hook = {"preCheckpoint": {"exec": {"command": ["true"]}}}
    hooked = bench.checkpoint(container, "hook", hooks=hook)
    assert "without KILL" in hooked.wait_failed("CapabilityMissing")["diagnosis"]["evidence"]

    # What needs neither goes on.
    saved = bench.checkpoint(container, "in-place")
    saved.wait_ready()
    bench.restore(host, saved, "in-place").wait_ready()
    container.require_counting_on(since=len(container.counts()))
    unverified = bench.checkpoint(container, "again")
    unverified.wait_ready()
    verify = {"exec": {"command": ["true"]}}
    bench.restore(host, unverified, "verify", verify=verify).wait_failed("CapabilityMissing")
    bench.restore(host, unverified, "again").wait_ready()


def test_an_agent_that_cannot_look_at_processes_touches_nothing(
    bench: Bench, host: NamespacedHost
) -> None:
    begun, new = bench.count(host, suffix="begun"), bench.count(host, suffix="new")
    kill_at("after:journal:Checkpointed", host)
    saved = bench.checkpoint(begun, "begun", archive={})
    wait_for_death(host)

    host.agent_start(without=["SYS_PTRACE"])

    wait_ready(host.name, *MISSING)
    assert "without SYS_PTRACE, which every operation needs" in message(host)
    saved.wait_for(
        lambda status: condition(status, "Ready").get("reason") == "WaitingForCapabilities",
        "to wait",
    )
    require_kept(begun)
    require_failed(
        bench.checkpoint(new, "new"),
        "CapabilityMissing",
        evidence="without SYS_PTRACE",
        remedy="add CAP_SYS_PTRACE to CapabilityBoundingSet=",
    )
    assert new.state == "running"

    host.agent_start()

    saved.wait_ready()
    wait_until(lambda: ready(host.name) == ("True", "HostReady"), "the host to be ready")


@contextmanager
def read_only(host: NamespacedHost, path: str) -> Iterator[None]:
    """Have a folder of the host read-only, as on a host whose system cannot be changed."""
    remounted = f"mount --bind {path} {path} && mount -o remount,bind,ro {path}"
    host.exec("sh", "-c", remounted)
    try:
        yield
    finally:
        host.exec("umount", path)
        host.agent_kill()  # which has looked when it started


def test_where_the_ghost_limit_cannot_be_set_all_else_goes_on(
    bench: Bench, host: NamespacedHost
) -> None:
    container = bench.count(host)
    # As an earlier agent has left it, which could set the limit.
    host.exec("touch", "/etc/criu/.podman-checkpoint.lock")
    host.agent_kill()
    with read_only(host, "/etc/criu"):
        host.agent_start()

        wait_ready(host.name, "False", "PermissionDenied")
        assert "read-only at /etc/criu, where the ghost limit is set" in message(host)
        assert "Make /etc/criu writable on the host, and restart the agent" in message(host)
        saved = bench.checkpoint(container)
        saved.wait_ready()
        bench.restore(host, saved).wait_ready()
        fixed = {"policy": "Fixed", "limit": 2 << 20}
        require_failed(
            bench.checkpoint(container, "fixed", ghostLimit=fixed),
            "PermissionDenied",
            evidence="Cannot set the ghost limit of 2097152 bytes: Read-only file system",
            remedy="/etc/criu on the host writable",
        )
    container.require_counting_on(since=len(container.counts()))


@contextmanager
def legacy_iptables(host: NamespacedHost) -> Iterator[None]:
    """Have the host's iptables speak to the kernel as that of older releases does."""
    link = "/usr/local/sbin/iptables-restore"
    host.exec("ln", "-s", "/usr/sbin/iptables-legacy-restore", link)
    try:
        yield
    finally:
        host.exec("rm", link)


def python(script: str, without: str) -> tuple[str, ...]:
    """Return the command that runs a script with the product's code, without a capability."""
    command = ("env", f"PYTHONPATH={agents.prepare().python_path}", "python3", "-c", script)
    return (*without_capabilities(without), *command) if without else command


def opened(host: NamespacedHost, without: str, lock: str, show: str) -> bool:
    """Whether a network is open that was locked, and then opened by the product's code."""
    script = f"{lock} && {shlex.join(python(UNLOCK, without))}; {show} | grep CRIU"
    done = host.exec("unshare", "--net", "sh", "-c", script, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 1


@pytest.mark.parametrize("without", ["", "NET_ADMIN"])
def test_net_admin_opens_a_locked_network(bench: Bench, without: str) -> None:
    host = NamespacedHost("host-a")
    is_open = opened(host, without, "nft add table inet CRIU-1", "nft list tables")
    assert is_open is not bool(without)


@pytest.mark.parametrize("without", ["", "NET_RAW"])
def test_net_raw_opens_one_that_older_tools_have_locked(bench: Bench, without: str) -> None:
    host = NamespacedHost("host-a")
    lock = f"printf %s {shlex.quote(LOCK)} | iptables-restore --noflush"
    with legacy_iptables(host):
        is_open = opened(host, without, lock, "iptables-legacy-save | grep -e '-j CRIU'")
    assert is_open is not bool(without)


@pytest.mark.parametrize("without", ["", "KILL"])
def test_kill_ends_what_runs_as_another_user(bench: Bench, without: str) -> None:
    done = NamespacedHost("host-a").exec(*python(END, without), check=False)
    assert ("done" in done.stdout) is not bool(without)


@pytest.mark.parametrize("without", ["", "NET_BIND_SERVICE"])
def test_net_bind_service_sees_what_listens_on_low_ports(bench: Bench, without: str) -> None:
    host = NamespacedHost("host-a")
    done = host.exec("python3", "-c", LISTEN, *python(LOOK, without))
    assert ("done" in done.stdout) is not bool(without)
