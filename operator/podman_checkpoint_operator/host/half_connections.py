"""UNIX connections of a container that have only one end in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from . import proc as reading
from .unix_sockets import UnixSocket, unix_sockets


def half_connections(
    proc: Path, cgroup: Path, init: int, sockets: Mapping[int, int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """UNIX connections whose other end is outside the container, or in an exec session.

    The processes run meanwhile. A connection counts when it was there before and after a second
    look at the descriptors of all of them, with none of the container's own holding its other end.

    Args:
        proc: the host's ``/proc``.
        cgroup: directory of the container's cgroup.
        init: the container's first process.
        sockets: holder of each socket of the container's own processes, by inode.
    """
    if not init or not sockets:
        return (), ()
    known = set(sockets)
    first = unix_sockets(proc, init)
    if not _halves(first, sockets, known):
        return (), ()
    pids = tuple(sorted(reading.pids_of(cgroup)))
    own = set(reading.own_processes(proc, pids, init))
    known |= {inode for pid in own for inode in reading.sockets(proc / str(pid))}
    session = {inode for pid in {*pids} - own for inode in reading.sockets(proc / str(pid))}
    again = unix_sockets(proc, init)
    halves = {
        inode: found
        for inode, found in _halves(again, sockets, known).items()
        if inode in first and first[inode].peer == found.peer
    }
    names = {inode: found.name for inode, found in (unix_sockets(proc, 1) | again).items()}

    def told(half: UnixSocket) -> str:
        name = names.get(half.peer) or half.name or "a socket without a name"
        holder = sockets[half.inode]
        return f"{name}, held by process {holder} ({reading.command(proc / str(holder))})"

    return (
        tuple(told(half) for half in halves.values() if half.peer not in session),
        tuple(told(half) for half in halves.values() if half.peer in session),
    )


def _halves(
    found: dict[int, UnixSocket], sockets: Mapping[int, int], known: set[int]
) -> dict[int, UnixSocket]:
    """Those of the container's sockets whose peers are not known."""
    return {
        inode: found[inode]
        for inode in sockets
        if inode in found and found[inode].peer and found[inode].peer not in known
    }
