"""The capabilities that the agent needs: for which work, and what that cannot do without.

The DaemonSet, the Quadlet and docs/install.md say the same, by test. Podman, the runtime and CRIU
are other processes, with what they have: this is about what the agent does itself, and the programs
that it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_PRIVILEGED_PORTS: Final = 1024


class Work(StrEnum):
    """What some rights are needed for, with the verb."""

    EVERYTHING = "every operation needs"
    ARCHIVES = "archives need"
    COMMANDS = "hooks and spec.verify need"
    SHARED_NETWORKS = "containers in the network of another need"
    LOW_PORTS = "restores that publish ports below 1024 need"
    GHOST_LIMITS = "raising a ghost limit needs"


class Capability(StrEnum):
    """A capability, as ``capabilities(7)`` names it without ``CAP_``."""

    CHOWN = "CHOWN"
    DAC_OVERRIDE = "DAC_OVERRIDE"
    FOWNER = "FOWNER"
    FSETID = "FSETID"
    KILL = "KILL"
    MKNOD = "MKNOD"
    NET_ADMIN = "NET_ADMIN"
    NET_BIND_SERVICE = "NET_BIND_SERVICE"
    NET_RAW = "NET_RAW"
    SETFCAP = "SETFCAP"
    SYS_ADMIN = "SYS_ADMIN"
    SYS_CHROOT = "SYS_CHROOT"
    SYS_PTRACE = "SYS_PTRACE"


@dataclass(frozen=True)
class Need:
    """Why the agent needs a capability."""

    bit: int
    """Its number, ``linux/capability.h`` has them."""
    work: Work
    purpose: str
    """What that work does with it: completes "to ..."."""
    contained_only: bool = False
    """Only an agent in a container needs it."""


NEEDS: Final = {
    Capability.SYS_ADMIN: Need(
        21,
        Work.EVERYTHING,
        "enter the host's namespaces, and read overlayfs's own attributes (`trusted.overlay.*`)",
    ),
    Capability.SYS_PTRACE: Need(
        19, Work.EVERYTHING, "look into `/proc` of the containers' processes"
    ),
    Capability.SYS_CHROOT: Need(
        18,
        Work.EVERYTHING,
        "run the host's programs with the host's libraries",
        contained_only=True,
    ),
    Capability.DAC_OVERRIDE: Need(
        1, Work.EVERYTHING, "read files of any owner, and what processes of any user hold open"
    ),
    Capability.CHOWN: Need(0, Work.ARCHIVES, "copy files with their owners"),
    Capability.FOWNER: Need(3, Work.ARCHIVES, "copy modes, times and attributes of any file"),
    Capability.FSETID: Need(
        4, Work.ARCHIVES, "keep the set-user-ID and set-group-ID bits of files"
    ),
    Capability.MKNOD: Need(27, Work.ARCHIVES, "copy devices, and the marks of deleted files"),
    Capability.SETFCAP: Need(31, Work.ARCHIVES, "copy the capabilities of files"),
    Capability.KILL: Need(
        5, Work.COMMANDS, "end what has passed its time limit and runs as another user than root"
    ),
    Capability.NET_ADMIN: Need(
        12, Work.SHARED_NETWORKS, "open it for the others when CRIU has locked it"
    ),
    Capability.NET_RAW: Need(
        13, Work.SHARED_NETWORKS, "do the same where CRIU's lock was set by `iptables-legacy`"
    ),
    Capability.NET_BIND_SERVICE: Need(10, Work.LOW_PORTS, "see whether such a port is taken"),
}
"""Of every capability, in the order of docs/install.md."""


def lacking_of(held: int, *, contained: bool) -> frozenset[Capability]:
    """Return what an agent needs and does not have.

    Args:
        held: a bit for each that it has.
        contained: whether it runs in a container.
    """
    return frozenset(
        capability
        for capability, need in NEEDS.items()
        if not held >> need.bit & 1 and (contained or not need.contained_only)
    )


def work_of(
    *,
    archive: bool,
    commands: bool,
    shared_network: bool,
    ports: Iterable[tuple[str, str, int]] = (),
) -> Iterator[Work]:
    """Yield what an operation has to do.

    Args:
        archive: it writes an archive, or restores one.
        commands: it runs commands in the container.
        shared_network: it stops a container in the network of another, or restores it there.
        ports: address, protocol and port of each that the container will take on the host.
    """
    yield Work.EVERYTHING
    if archive:
        yield Work.ARCHIVES
    if commands:
        yield Work.COMMANDS
    if shared_network:
        yield Work.SHARED_NETWORKS
    if any(port < _PRIVILEGED_PORTS for *_, port in ports):
        yield Work.LOW_PORTS
