"""What an agent may do and see on its host, and the checks of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..api.reasons import Cause
from .capabilities import NEEDS, Capability, Work
from .host_files import Sight, Trouble
from .preflight import Check, failed, listed, passed

MOUNTS: Final = "docs/install.md has the table of its mounts"
_SEEN_BY_CONTAINER: Final = (
    "Give the agent's container all its mounts, writable and with rslave (mountPropagation:"
    f" HostToContainer) as it needs them: {MOUNTS}"
)
_SEEN_BY_UNIT: Final = (
    "Take what restricts it out of the agent's systemd unit (systemctl cat podman-checkpoint-agent"
    " shows it): ProtectSystem=, ReadOnlyPaths=, PrivateMounts= and the like"
)


@dataclass(frozen=True)
class Rights:
    """What the agent may do on its host."""

    lacking: frozenset[Capability] = frozenset()
    """Those that it needs and does not have."""
    contained: bool = False
    """Whether it runs in a container."""
    troubles: tuple[Trouble, ...] = ()
    """Places of the host that it does not see as the host does."""


ALL_RIGHTS: Final = Rights()


def rights_checks(rights: Rights, work: Iterable[Work]) -> Iterator[Check]:
    """Checks that the agent has the rights that some kinds of work need."""
    asked = frozenset(work)
    yield capability_check(rights, asked)
    yield _files_check(rights, asked)


def capability_check(rights: Rights, work: Iterable[Work]) -> Check:
    """Check that the agent has the capabilities that some kinds of work need."""
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


def _files_check(rights: Rights, work: frozenset[Work]) -> Check:
    found = [each for each in rights.troubles if each.place.work in work]
    if not found:
        return passed("HostFiles", "the agent sees them as the host does")
    hosts_own = [each.place.path for each in found if each.sight is Sight.UNWRITABLE]
    ways = []
    if len(found) > len(hosts_own):
        ways.append(_SEEN_BY_CONTAINER if rights.contained else _SEEN_BY_UNIT)
    if hosts_own:
        ways.append(f"Make {listed(hosts_own)} writable on the host, and restart the agent")
    return failed(
        "HostFiles",
        f"the agent {'; '.join(map(str, found))}",
        Cause.PERMISSION_DENIED,
        ". ".join(ways),
    )


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
