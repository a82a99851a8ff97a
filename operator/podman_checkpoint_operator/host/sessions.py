"""Ends what was started into a running container from outside, as ``podman exec`` does.

Podman can start such a session but not end it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from .proc import pids_of


def end_session(*, proc: Path, cgroup: Path, leader: int) -> None:
    """Kill a session: its first process, their descendants, and whoever else is of the session.

    A process that has left both its parent and the session belongs to the container as its own do.

    Args:
        proc: the host's ``/proc``.
        cgroup: directory of the container's cgroup; processes outside of it are left alone.
        leader: the session's first process.
    """
    killed: set[int] = set()
    # Once more after the last: one that was just being started was not there to be seen.
    while members := _members(proc, cgroup, leader) - killed:
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= members


def _members(proc: Path, cgroup: Path, leader: int) -> set[int]:
    parents: dict[int, int] = {}
    members: set[int] = set()
    for pid in pids_of(cgroup):
        with suppress(OSError):
            # After the name, which may hold anything: state, parent, process group, session.
            fields = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
            parents[pid] = int(fields[1])
            if pid == leader or int(fields[3]) == leader:
                members.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in members} - members:
        members |= more
    return members
