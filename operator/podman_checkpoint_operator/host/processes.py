"""What a container's processes hold open, read from ``/proc`` while they run.

CRIU would find the same, but only after the container was stopped or frozen. Reading it first lets
the ghost limit be right at the first attempt, and lets a checkpoint that cannot succeed be refused
before the container is touched.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..decisions.facts import OpenFile, Processes
from . import proc as reading
from .cgroup_watches import cgroup_watches
from .half_connections import half_connections

_DELETED: Final = " (deleted)"
# Kernel objects that look like deleted files; CRIU saves them in other ways than as ghost files.
_NOT_FILES: Final = ("/memfd:", "/SYSV", "/[aio]", "/dev/zero", "/anon_hugepage", "/i915")
_ESTABLISHED: Final = "01"
_SAVED_MEMORY: Final = ("Anonymous:", "Pss_Shmem:", "SwapPss:")


def look_at(*, proc: Path, cgroup: Path, init: int = 0) -> Processes:
    """Return what the processes of a container's cgroup hold.

    Processes and descriptors that vanish meanwhile are left out: the container runs.

    Args:
        proc: the host's ``/proc``.
        cgroup: directory of the container's cgroup.
        init: the container's first process. Those that were started into the container from
            outside are not below it, and CRIU leaves them out; 0 counts all as the container's own.
    """
    pids = tuple(sorted(reading.pids_of(cgroup)))
    own = reading.own_processes(proc, pids, init)
    ghosts: dict[tuple[int, int], OpenFile] = {}
    sockets: dict[int, int] = {}
    locks: dict[str, str] = {}
    for pid in own:
        for link, target in reading.open_files(proc / str(pid)):
            if target.startswith(reading.SOCKET):
                sockets[reading.inode(target)] = pid
            elif target.endswith(_DELETED) and not target.startswith(_NOT_FILES):
                _add_ghost(ghosts, link, target.removesuffix(_DELETED))
            if target.startswith("/"):
                locks |= {lock: f"{target}: {lock}" for lock in _locks(link)}
    networks = _networks(proc, own)
    outside, session = half_connections(proc, cgroup, init, sockets)
    return Processes(
        pids=pids,
        memory_bytes=sum(_memory(proc / str(pid)) for pid in own),
        tmpfs_bytes=_tmpfs(proc, own),
        ghost_files=tuple(ghosts.values()),
        established_tcp=tuple(_established(networks, sockets)),
        internet_sockets=any(_internet(networks, sockets)),
        file_locks=tuple(locks.values()),
        outside_connections=outside,
        session_connections=session,
        cgroup_watches=cgroup_watches(proc, cgroup, own),
    )


def is_traced(proc: Path, pid: int) -> bool:
    """Whether another process traces this one, as CRIU does; False when it is gone."""
    try:
        lines = (proc / str(pid) / "status").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


def _add_ghost(ghosts: dict[tuple[int, int], OpenFile], link: Path, path: str) -> None:
    with suppress(OSError):
        status = link.stat()
        if stat.S_ISREG(status.st_mode) and not status.st_nlink:
            # CRIU compares the space that a file occupies, since 3.18: holes do not count.
            ghosts[status.st_dev, status.st_ino] = OpenFile(path, status.st_blocks * 512)


def _memory(process: Path) -> int:
    """What CRIU would write of a process's memory: its own pages, and its part of shared ones.

    Pages of mapped files are left out, unless they were changed: they stay in their files.
    """
    kibibytes = 0
    with suppress(OSError, ValueError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith(_SAVED_MEMORY):
                kibibytes += int(line.split()[1])
    return kibibytes << 10


def _tmpfs(proc: Path, pids: tuple[int, ...]) -> int:
    """What lies in the container's own tmpfs mounts: CRIU puts it into its images."""
    total = 0
    seen = {device for device, *_ in reading.mounts(proc / "1")}
    for pid in pids[:1]:
        for device, root, folder, kind in reading.mounts(proc / str(pid)):
            if kind == "tmpfs" and root == "/" and device not in seen:
                seen.add(device)
                with suppress(OSError):
                    status = os.statvfs(f"{proc}/{pid}/root{folder}")
                    total += (status.f_blocks - status.f_bfree) * status.f_frsize
    return total


def _networks(proc: Path, pids: tuple[int, ...]) -> list[Path]:
    """``/proc/PID/net`` of one process of each network namespace."""
    found: dict[str, Path] = {}
    for pid in pids:
        with suppress(OSError):
            found.setdefault(os.readlink(proc / str(pid) / "ns/net"), proc / str(pid) / "net")
    return list(found.values())


def _internet(networks: list[Path], sockets: Collection[int]) -> Iterator[bool]:
    """Whether each Internet socket of the networks is one of these."""
    for network in networks:
        for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
            for fields in _table(network / table):
                yield int(fields[9]) in sockets


def _established(networks: list[Path], sockets: Collection[int]) -> Iterator[str]:
    """Established TCP connections of these processes' own sockets, not of the whole network."""
    for network in networks:
        for table in ("tcp", "tcp6"):
            for fields in _table(network / table):
                if fields[3] == _ESTABLISHED and int(fields[9]) in sockets:
                    yield f"{_address(fields[1])} -> {_address(fields[2])}"


def _table(path: Path) -> Iterator[list[str]]:
    with suppress(OSError):
        yield from map(str.split, path.read_text().splitlines()[1:])


def _address(text: str) -> str:
    """Read the kernel's ``0100007F:1538``: words in host order, port in hexadecimal."""
    words, port = text.split(":")
    raw = b"".join(struct.pack("=I", int(words[i : i + 8], 16)) for i in range(0, len(words), 8))
    if len(raw) == 4:
        return f"{socket.inet_ntop(socket.AF_INET, raw)}:{int(port, 16)}"
    if raw.startswith(bytes(10) + b"\xff\xff"):  # IPv4 in IPv6
        return f"{socket.inet_ntop(socket.AF_INET, raw[12:])}:{int(port, 16)}"
    return f"[{socket.inet_ntop(socket.AF_INET6, raw)}]:{int(port, 16)}"


def _locks(link: Path) -> Iterator[str]:
    """The locks held through a descriptor, as ``FLOCK  ADVISORY  WRITE 1234 fe:00:2049 0 EOF``.

    ``/proc/locks`` names the process that took a lock, which may have passed it on and ended.
    """
    if link.parent.name != "fd":
        return
    with suppress(OSError):
        for line in (link.parents[1] / "fdinfo" / link.name).read_text().splitlines():
            if line.startswith("lock:") and "LEASE" not in line:
                yield line.split(": ", 1)[1]
