"""A session in a container is killed as a whole, and nothing else.

Real processes in a real session; the folder of their cgroup is made up.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from podman_checkpoint_operator.host.sessions import end_session
from tests.lab.waiting import wait_until

PROC = Path("/proc")


def alive(pid: int) -> bool:
    with suppress(OSError):
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextmanager
def session(script: str) -> Iterator[list[int]]:
    """Run a shell script in a session of its own; it writes the PIDs that it is about."""
    with subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        try:
            yield [leader.pid, *map(int, leader.stdout.readline().split())]
        finally:
            leader.kill()


def test_children_and_orphans_of_the_session_are_killed(tmp_path: Path) -> None:
    script = "sleep 300 & echo $! $(sh -c 'sleep 300 >/dev/null & echo $!'); wait"
    with session(script) as pids:
        other = os.getpid()
        (tmp_path / "cgroup.procs").write_text("\n".join(map(str, [*pids, other])))

        end_session(proc=PROC, cgroup=tmp_path, leader=pids[0])

        wait_until(lambda: not any(map(alive, pids)), "the session to be dead")
        assert len(pids) == 3


def test_a_process_outside_of_the_cgroup_is_left_alone(tmp_path: Path) -> None:
    with session("echo; exec sleep 300") as (pid,):
        (tmp_path / "cgroup.procs").write_text("")

        end_session(proc=PROC, cgroup=tmp_path, leader=pid)

        assert alive(pid)
