"""What a container's processes hold, read from the real ``/proc`` of real processes.

Not here: that CRIU sees the same; tests/e2e checkpoints such containers.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from podman_checkpoint_operator.decisions.facts import Processes
from podman_checkpoint_operator.host.proc import own_processes
from podman_checkpoint_operator.host.processes import look_at

PROC = Path("/proc")
READY = b"ready\n"
SECONDS = 30


@contextmanager
def child(program: str, *arguments: object) -> Iterator[int]:
    """Run a Python program until the block ends; it has said that it is ready."""
    code = f"{program}\nimport sys\nprint('ready', flush=True)\nsys.stdin.read()"
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=nowhere) as process:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], SECONDS)
        try:
            assert readable
            assert process.stdout.readline() == READY
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    """A folder in the form of a cgroup; the kernel's own are made by root only."""
    (tmp_path / "cgroup/nested").mkdir(parents=True)
    return tmp_path / "cgroup"


def looked_at(cgroup: Path, *pids: int) -> Processes:
    (cgroup / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return look_at(proc=PROC, cgroup=cgroup)


DELETED_FILES = """
import mmap, os, sys
folder = sys.argv[1]
held = []
for name, size in (("big", 3 << 20), ("mapped", 2 << 20), ("kept", 1 << 20)):
    file = open(f"{folder}/{name}", "w+b")
    file.write(b"x" * size)
    file.flush()
    held.append(file)
twice = os.dup(held[0].fileno())
mapping = mmap.mmap(held[1].fileno(), 0)
held[1].close()
os.link(f"{folder}/kept", f"{folder}/other name")
for name in ("big", "mapped", "kept"):
    os.unlink(f"{folder}/{name}")
memfd = os.memfd_create("secret")
os.write(memfd, b"x" * 4096)
shared = mmap.mmap(-1, 1 << 20)
"""


def test_deleted_files_are_found_once_each_open_or_mapped(cgroup: Path, tmp_path: Path) -> None:
    with child(DELETED_FILES, tmp_path) as pid:
        found = looked_at(cgroup, pid).ghost_files
    sizes = {Path(file.path).name: file.size_bytes for file in found}
    # "kept" has another name still; memfds and shared anonymous memory are no files.
    assert sizes.keys() == {"big", "mapped"}
    assert sizes["big"] >= 3 << 20
    assert sizes["mapped"] >= 2 << 20


def test_a_file_whose_name_only_looks_deleted_is_none(cgroup: Path, tmp_path: Path) -> None:
    program = "import sys; file = open(sys.argv[1] + '/data (deleted)', 'w')"
    with child(program, tmp_path) as pid:
        assert not looked_at(cgroup, pid).ghost_files


def test_a_sparse_deleted_file_counts_with_the_space_it_occupies(
    cgroup: Path, tmp_path: Path
) -> None:
    """It is what CRIU compares with the limit, since 3.18."""
    program = (
        "import os, sys; p = sys.argv[1] + '/sparse'; f = open(p, 'w+b');"
        "f.truncate(5 << 20); f.write(b'x'); f.flush(); os.unlink(p)"
    )
    with child(program, tmp_path) as pid:
        (ghost,) = looked_at(cgroup, pid).ghost_files
    assert 0 < ghost.size_bytes < 1 << 20


def test_established_connections_are_those_of_these_processes(cgroup: Path) -> None:
    program = (
        "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
        "listener = socket.create_server(('127.0.0.1', 0))"
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        child(program, server.getsockname()[1]) as pid,
    ):
        port = server.getsockname()[1]
        ours, peer = server.accept()
        with ours:
            found = looked_at(cgroup, pid).established_tcp
            nobody = looked_at(cgroup, os.getppid()).established_tcp
    assert found == (f"127.0.0.1:{peer[1]} -> 127.0.0.1:{port}",)
    assert not any(f":{port}" in each for each in nobody)


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_ipv4_in_ipv6_and_ipv6_addresses_read_as_people_write_them(cgroup: Path) -> None:
    program = (
        "import socket, sys; s = socket.socket(socket.AF_INET6);"
        "s.connect((sys.argv[1], int(sys.argv[2])))"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with child(program, "::ffff:127.0.0.1", port) as pid:
            (found,) = looked_at(cgroup, pid).established_tcp
    assert found.endswith(f"-> 127.0.0.1:{port}")
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        return  # no loopback address of that family here
    with server:
        port = server.getsockname()[1]
        with child(program, "::1", port) as pid:
            (found,) = looked_at(cgroup, pid).established_tcp
    assert found.endswith(f"-> [::1]:{port}")


LOCKS = """
import fcntl, sys
posix, flock = open(sys.argv[1] + '/posix', 'w'), open(sys.argv[1] + '/flock', 'w')
fcntl.lockf(posix, fcntl.LOCK_EX)
fcntl.flock(flock, fcntl.LOCK_EX)
"""


def test_locks_are_found_not_those_of_others_nor_those_waited_for(
    cgroup: Path, tmp_path: Path
) -> None:
    with child(LOCKS, tmp_path) as holder, child("") as other:
        held = looked_at(cgroup, holder).file_locks
        assert not looked_at(cgroup, other).file_locks
    assert [line.split()[:2] for line in sorted(held)] == [
        [f"{tmp_path}/flock:", "FLOCK"],
        [f"{tmp_path}/posix:", "POSIX"],
    ]


def test_a_lock_counts_also_when_the_process_that_took_it_has_ended(
    cgroup: Path, tmp_path: Path
) -> None:
    program = """
import fcntl, os, sys
file = open(sys.argv[1] + '/flock', 'w')
if os.fork() == 0:
    fcntl.flock(file, fcntl.LOCK_EX)
    os._exit(0)
os.wait()
"""
    with child(program, tmp_path) as pid:
        (lock,) = looked_at(cgroup, pid).file_locks
    assert lock.startswith(f"{tmp_path}/flock: FLOCK")


def test_processes_of_nested_cgroups_count_and_gone_ones_do_no_harm(cgroup: Path) -> None:
    with child("") as first, child("") as second:
        (cgroup / "nested/cgroup.procs").write_text(f"{second}\n")
        found = looked_at(cgroup, first, 2**22 + 1)
        assert set(found.pids) == {first, second, 2**22 + 1}
        assert found.memory_bytes > 2 * mmap.PAGESIZE


def test_no_cgroup_no_processes(tmp_path: Path) -> None:
    assert look_at(proc=PROC, cgroup=tmp_path / "gone") == Processes()


def test_shared_memory_counts_once_and_files_do_not(cgroup: Path, tmp_path: Path) -> None:
    """CRIU writes shared memory once, and leaves what is in files there."""
    (tmp_path / "file").write_bytes(b"x" * (32 << 20))
    program = """
import mmap, os, sys
file = open(sys.argv[1] + '/file', 'rb')
mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
for at in range(0, len(mapped), 4096):
    mapped[at]
shared = mmap.mmap(-1, 32 << 20)
shared.write(b'x' * (32 << 20))
own = b'x' * (8 << 20)
if os.fork() == 0:
    for at in range(0, len(shared), 4096):
        shared[at]
    print('child', flush=True)
    sys.stdin.read()
    os._exit(0)
"""
    with child(program.replace("print('child', flush=True)", ""), tmp_path) as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        found = looked_at(cgroup, pid, *map(int, children)).memory_bytes
        for each in children:
            os.kill(int(each), 9)
    assert 40 << 20 <= found < 80 << 20


CONNECTED: Final = """
import socket, sys
a, b = socket.socketpair()
named = socket.socket(socket.AF_UNIX)
named.connect(sys.argv[1])
"""


def test_a_unix_connection_with_one_end_outside_is_found_by_its_name(
    cgroup: Path, tmp_path: Path
) -> None:
    path = tmp_path / "server"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with child(CONNECTED, path) as pid:
            (cgroup / "cgroup.procs").write_text(f"{pid}\n")
            held, _ = server.accept()
            with held:
                found = look_at(proc=PROC, cgroup=cgroup, init=pid)
            # A connection that the other side has closed has no other end.
            closed = look_at(proc=PROC, cgroup=cgroup, init=pid)
    (told,) = found.outside_connections
    assert told.startswith(f"{path}, held by process {pid} (python")
    assert not found.session_connections
    assert not closed.outside_connections


def test_both_ends_within_are_nothing_to_tell(cgroup: Path, tmp_path: Path) -> None:
    program = """
import os, socket, sys
a, b = socket.socketpair()
if os.fork() == 0:
    a.close()
    sys.stdin.read()
    os._exit(0)
b.close()
"""
    with child(program, tmp_path) as pid:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        (cgroup / "cgroup.procs").write_text("\n".join([str(pid), *children]))
        found = look_at(proc=PROC, cgroup=cgroup, init=pid)
        for each in children:
            os.kill(int(each), 9)
    assert not found.outside_connections


def test_processes_started_into_a_pid_namespace_are_a_session(cgroup: Path) -> None:
    """As podman exec does it; and what they hold is not the container's."""
    inside = "unshare --pid --fork --kill-child sh -c 'echo ready; read x'"
    pipe = subprocess.PIPE
    with subprocess.Popen(["sh", "-c", f"exec {inside}"], stdin=pipe, stdout=pipe) as outer:
        assert outer.stdout is not None
        try:
            assert outer.stdout.readline() == READY
            init = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())
            session = ["nsenter", f"--target={init}", "--pid", "sh", "-c", "echo ready; read x"]
            with subprocess.Popen(session, stdin=pipe, stdout=pipe) as entered:
                assert entered.stdout is not None
                assert entered.stdout.readline() == READY
                children = Path(f"/proc/{entered.pid}/task/{entered.pid}/children")
                inner = int(children.read_text())
                assert own_processes(PROC, (init, inner), init) == (init,)
                assert own_processes(PROC, (init, inner), 0) == (init, inner)
                entered.communicate(b"\n")
        finally:
            outer.kill()


def test_a_tmpfs_of_the_containers_own_counts_with_what_is_in_it(
    cgroup: Path, tmp_path: Path
) -> None:
    script = f"mount -t tmpfs tmpfs '{tmp_path}' && head -c 5M /dev/zero >'{tmp_path}/x'; "
    argv = ["unshare", "--mount", "sh", "-c", f"{script} echo ready; read x"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == READY
        found = looked_at(cgroup, process.pid).tmpfs_bytes
        process.communicate(b"\n")
    assert 5 << 20 <= found < 6 << 20
