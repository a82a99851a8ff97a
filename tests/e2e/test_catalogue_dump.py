"""Rows of the failure catalogue, made to happen: CRIU refuses to dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.failing import reproduces

if TYPE_CHECKING:
    from tests.e2e.failing import Failing

pytestmark = pytest.mark.lab

CONNECTED = "mkfifo /hold; nc -l -p 7777 -e cat & sleep 0.3; nc 127.0.0.1 7777 <>/hold & sleep 0.3"


@reproduces("ghost-file")
@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_ghost_file(failing: Failing, runtime: str) -> None:
    container = failing.script(
        "exec 3>/g; dd if=/dev/zero of=/g bs=1M count=2; rm /g", runtime=runtime
    )
    with failing.criu_options():
        found = failing.checkpoint(container)
    assert "2097152" in found.remedy


@reproduces("link-remap")
def test_link_remap(failing: Failing) -> None:
    failing.checkpoint(failing.script("echo x >/a; ln /a /b; exec 3</a; rm /a"))


@reproduces("tcp-established")
def test_tcp_established(failing: Failing) -> None:
    failing.checkpoint(failing.script(CONNECTED))


@reproduces("tcp-in-flight")
def test_tcp_in_flight(failing: Failing) -> None:
    """A client that nobody has accepted yet."""
    container = failing.perl(
        "socket my $s, PF_INET, SOCK_STREAM, 0; bind $s, sockaddr_in(7777, INADDR_LOOPBACK);"
        "listen $s, 5; socket my $c, PF_INET, SOCK_STREAM, 0;"
        "connect $c, sockaddr_in(7777, INADDR_LOOPBACK)"
    )
    failing.checkpoint(container, tcp_established=True)


@reproduces("tcp-multipath")
def test_tcp_multipath(failing: Failing) -> None:
    failing.checkpoint(failing.perl("socket my $s, PF_INET, SOCK_STREAM, 262 or die $!"))


@reproduces("file-locks")
def test_file_locks(failing: Failing) -> None:
    failing.checkpoint(failing.perl('open our $f, ">", "/tmp/l"; flock $f, LOCK_EX or die $!'))


@reproduces("unix-external")
@pytest.mark.parametrize(
    ("kind", "served"),
    [
        ("SOCK_STREAM", "listen $s, 5; if (!fork) { accept our $a, $s; sleep 1 while 1 }"),
        ("SOCK_STREAM", "listen $s, 5"),
        ("SOCK_DGRAM", "1"),
    ],
    ids=["stream", "not-accepted", "datagram"],
)
def test_unix_external(failing: Failing, kind: str, served: str) -> None:
    """A server in one container, its client in another."""
    shared = f"{failing.bench.name('run')}:/run/shared"
    path = "sockaddr_un('/run/shared/s')"
    failing.perl(
        f"socket our $s, PF_UNIX, {kind}, 0; bind $s, {path}; {served}",
        f"--volume={shared}",
        suffix="server",
    )
    container = failing.perl(
        f"socket our $c, PF_UNIX, {kind}, 0; connect $c, {path} or die $!", f"--volume={shared}"
    )
    failing.checkpoint(container)


@reproduces("io-uring")
def test_io_uring(failing: Failing) -> None:
    program = "my $p = chr(0) x 120; syscall(425, 8, $p) >= 0 or die $!"
    failing.checkpoint(failing.perl(program, "--privileged"))


@reproduces("file-kind")
def test_file_kind(failing: Failing) -> None:
    program = 'open our $f, "+<", "/dev/fuse" or die $!'
    failing.checkpoint(failing.perl(program, "--device=/dev/fuse"))


@reproduces("nested-namespace")
def test_nested_namespace(failing: Failing) -> None:
    failing.checkpoint(failing.script("unshare -u sleep 1000 & sleep 0.3", "--privileged"))


@reproduces("process-traced")
def test_process_traced(failing: Failing) -> None:
    """A debugger in the container: one process traces another."""
    seize = "syscall(101, 0x4206, $p, 0, 0) == 0 or die $!"
    program = f"my $p = fork; if (!$p) {{ sleep 1 while 1 }}; {seize}"
    container = failing.perl(program, "--cap-add=SYS_PTRACE")
    with failing.criu_options("timeout 2"):
        failing.checkpoint(container)


@reproduces("mount-overmounted")
def test_mount_overmounted(failing: Failing) -> None:
    script = "mkdir /m; mount -t tmpfs a /m; exec 3>/m/x; mount -t tmpfs b /m"
    failing.checkpoint(failing.script(script, "--privileged"))


FROM_OUTSIDE = """\
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
tree = libc.syscall(428, -100, sys.argv[2].encode(), 1)
os.setns(os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY), os.CLONE_NEWNS)
os.makedirs(sys.argv[3], exist_ok=True)
sys.exit(libc.syscall(429, tree, b"", -100, sys.argv[3].encode(), 4))
"""
"""Takes a folder of the host, enters a container and mounts it there, as hooks of GPUs do it."""


def put_in(failing: Failing, target: str) -> None:
    container = failing.script(":")
    pid = container.inspect("{{.State.Pid}}")
    failing.host.exec("python3", "-c", FROM_OUTSIDE, pid, "/srv", target)
    failing.checkpoint(container)


@reproduces("mount-unknown")
def test_mount_unknown(failing: Failing) -> None:
    put_in(failing, "/put/in")


@reproduces("gpu-device")
def test_gpu_device(failing: Failing) -> None:
    put_in(failing, "/usr/lib/firmware/nvidia/535")


@reproduces("network-lock")
def test_network_lock(failing: Failing) -> None:
    container = failing.script(CONNECTED)
    with (
        failing.criu_options("network-lock iptables"),
        failing.moved_away("/usr/sbin/iptables-restore"),
    ):
        failing.checkpoint(container, tcp_established=True)


@reproduces("no-space")
def test_no_space(failing: Failing) -> None:
    container = failing.script(":")
    images = container.inspect("{{.StaticDir}}") + "/checkpoint"
    failing.host.exec("mkdir", images)
    failing.host.exec("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", images)
    with failing.cleared_up("umount", images):
        failing.checkpoint(container)
