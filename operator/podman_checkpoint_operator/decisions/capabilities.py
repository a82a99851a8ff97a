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

from ..api.reasons import Cause
from .preflight import Check, failed, passed

_PRIVILEGED_PORTS: Final = 1024


class Work(StrEnum):
    """What some capabilities are needed for, with the verb."""

    EVERYTHING = "every operation needs"
    ARCHIVES = "archives need"
    COMMANDS = "hooks and spec.verify need"
    SHARED_NETWORKS = "containers in the network of another need"
    LOW_PORTS = "restores that publish ports below 1024 need"


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


@dataclass(frozen=True)
class Rights:
    """What the agent may do on its host."""

    lacking: frozenset[Capability] = frozenset()
    """Those that it needs and does not have."""
    contained: bool = False
    """Whether it runs in a container."""


ALL_RIGHTS: Final = Rights()


def rights(held: int, *, contained: bool) -> Rights:
    """Return the rights of an agent that has these capabilities.

    Args:
        held: a bit for each.
        contained: whether it runs in a container.
    """
    lacking = (
        capability
        for capability, need in NEEDS.items()
        if not held >> need.bit & 1 and (contained or not need.contained_only)
    )
    return Rights(frozenset(lacking), contained)


def capability_check(rights: Rights, work: Iterable[Work]) -> Check:
    """Check that the agent has the capabilities that it needs for some kinds of work."""
    asked = set(work)
    lacking = [each for each in NEEDS if each in rights.lacking and NEEDS[each].work in asked]
    if not lacking:
        return passed("Capabilities", "the agent has those that it needs")
    needs = ((each, NEEDS[each]) for each in lacking)
    found = (f"without {each}, which {need.work} to {need.purpose}" for each, need in needs)
    return failed(
        "Capabilities",
        f"the agent runs {'; '.join(found)}",
        Cause.CAPABILITY_MISSING,
        _where(lacking, contained=rights.contained),
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


def _where(lacking: Iterable[Capability], *, contained: bool) -> str:
    if contained:
        return (
            f"Add {', '.join(lacking)} to securityContext.capabilities.add of the agent's"
            " container, or to AddCapability= of its Quadlet"
        )
    names = " ".join(f"CAP_{name}" for name in lacking)
    return (
        f"Run the agent as root, and add {names} to CapabilityBoundingSet= of its systemd unit, or"
        " take that line out (systemctl cat podman-checkpoint-agent shows it)"
    )
