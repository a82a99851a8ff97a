"""Single readings of ``/proc``. What vanishes meanwhile is left out: processes come and go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

SOCKET: Final = "socket:["
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def pids_of(cgroup: Path) -> Iterator[int]:
    """The processes of a cgroup and of those below it."""
    for folder, _, _ in os.walk(cgroup):
        with suppress(OSError):
            yield from map(int, Path(folder, "cgroup.procs").read_text().split())


def open_files(process: Path) -> Iterator[tuple[Path, str]]:
    """Each link to an open or mapped file of a process, and what it leads to."""
    for folder in ("fd", "map_files"):
        with suppress(OSError):
            for name in os.listdir(process / folder):
                link = process / folder / name
                with suppress(OSError):
                    yield link, os.readlink(link)


def sockets(process: Path) -> Iterator[int]:
    """The inodes of a process's sockets."""
    return (inode(target) for _, target in open_files(process) if target.startswith(SOCKET))


def inode(target: str) -> int:
    """The inode of a socket, from what a link leads to."""
    return int(target[len(SOCKET) : -1])


def mounts(process: Path) -> Iterator[tuple[str, str, str, str]]:
    """Device, root within it, mount point and type of each mount that a process sees."""
    with suppress(OSError):
        for line in (process / "mountinfo").read_text(errors="surrogateescape").splitlines():
            place, _, what = line.partition(" - ")
            _, _, device, root, folder, *_ = place.split(" ")
            yield device, root, _unescaped(folder), what.split()[0]


def propagation(process: Path, path: Path) -> list[str]:
    """Return how mounts below a path get to and from what a process sees there."""
    found: list[str] = []
    nearest = ""
    for line in (process / "mountinfo").read_text(errors="surrogateescape").splitlines():
        _, _, _, _, escaped, _, *tags = line.partition(" - ")[0].split(" ")
        folder = _unescaped(escaped)
        # One that is mounted over another comes later.
        if len(folder) >= len(nearest) and path.is_relative_to(folder):
            nearest, found = folder, tags
    return found


def _unescaped(folder: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), folder)


def own_processes(proc: Path, pids: tuple[int, ...], init: int) -> tuple[int, ...]:
    """Return those processes of a container's cgroup that are below its first one.

    ``podman exec`` and health checks enter the PID namespace from outside: their first process has
    a parent in another one. An orphan of the container has a parent within.
    """
    if init not in pids:
        return pids
    parents = {pid: parent(proc / str(pid)) for pid in pids}

    def is_own(pid: int) -> bool:
        while pid != init:
            above = parents[pid]
            if above not in parents:
                return _pid_namespace(proc, pid) == _pid_namespace(proc, above)
            pid = above
        return True

    return tuple(pid for pid in pids if is_own(pid))


def command(process: Path) -> str:
    """The name of a process's program."""
    with suppress(OSError):
        return (process / "comm").read_text().strip()
    return "ended"


def parent(process: Path) -> int:
    """The ID of a process's parent; 0 when it has ended."""
    with suppress(OSError, ValueError):
        # The command's name, in brackets, may hold anything.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _pid_namespace(proc: Path, pid: int) -> str:
    with suppress(OSError):
        return os.readlink(proc / str(pid) / "ns/pid")
    return ""
