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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..decisions.facts import OpenFile, Processes

_DELETED: Final = " (deleted)"
# Kernel objects that look like deleted files; CRIU saves them in other ways than as ghost files.
_NOT_FILES: Final = ("/memfd:", "/SYSV", "/[aio]", "/dev/zero", "/anon_hugepage", "/i915")
_ESTABLISHED: Final = "01"
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def look_at(*, proc: Path, cgroup: Path) -> Processes:
    """Return what the processes of a container's cgroup hold.

    Processes and descriptors that vanish meanwhile are left out: the container runs.

    Args:
        proc: the host's ``/proc``.
        cgroup: directory of the container's cgroup.
    """
    pids = tuple(sorted(pids_of(cgroup)))
    ghosts: dict[tuple[int, int], OpenFile] = {}
    sockets: set[int] = set()
    locks: dict[str, str] = {}
    for pid in pids:
        for link, target in _open_files(proc / str(pid)):
            if target.startswith("socket:["):
                sockets.add(int(target[8:-1]))
            elif target.endswith(_DELETED) and not target.startswith(_NOT_FILES):
                _add_ghost(ghosts, link, target.removesuffix(_DELETED))
            if target.startswith("/"):
                locks |= {lock: f"{target}: {lock}" for lock in _locks(link)}
    return Processes(
        pids=pids,
        resident_bytes=sum(_resident(proc / str(pid)) for pid in pids),
        ghost_files=tuple(ghosts.values()),
        established_tcp=tuple(_established(proc, pids, sockets)),
        file_locks=tuple(locks.values()),
    )


def is_traced(proc: Path, pid: int) -> bool:
    """Whether another process traces this one, as CRIU does; False when it is gone."""
    try:
        lines = (proc / str(pid) / "status").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


def pids_of(cgroup: Path) -> Iterator[int]:
    """Yield the processes of a cgroup and of those below it."""
    for folder, _, _ in os.walk(cgroup):
        with suppress(OSError):
            yield from map(int, Path(folder, "cgroup.procs").read_text().split())


def _open_files(process: Path) -> Iterator[tuple[Path, str]]:
    for folder in ("fd", "map_files"):
        with suppress(OSError):
            for name in os.listdir(process / folder):
                link = process / folder / name
                with suppress(OSError):
                    yield link, os.readlink(link)


def _add_ghost(ghosts: dict[tuple[int, int], OpenFile], link: Path, path: str) -> None:
    with suppress(OSError):
        status = link.stat()
        if stat.S_ISREG(status.st_mode) and not status.st_nlink:
            # CRIU compares the space that a file occupies, since 3.18: holes do not count.
            ghosts[status.st_dev, status.st_ino] = OpenFile(path, status.st_blocks * 512)


def _resident(process: Path) -> int:
    with suppress(OSError, IndexError):
        return int((process / "statm").read_text().split()[1]) * _PAGE
    return 0


def _established(proc: Path, pids: tuple[int, ...], sockets: set[int]) -> Iterator[str]:
    """Established TCP connections of these processes' own sockets, not of the whole network."""
    seen: set[int] = set()
    for pid in pids:
        for table in ("tcp", "tcp6"):
            with suppress(OSError):
                for line in (proc / str(pid) / "net" / table).read_text().splitlines()[1:]:
                    fields = line.split()
                    inode = int(fields[9])
                    if fields[3] == _ESTABLISHED and inode in sockets and inode not in seen:
                        seen.add(inode)
                        yield f"{_address(fields[1])} -> {_address(fields[2])}"
        if sockets <= seen:
            return


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
