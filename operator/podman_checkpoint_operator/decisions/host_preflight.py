"""What a host needs to checkpoint any container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..api.reasons import Cause
from ..criu.configuration import version
from .capabilities import Work
from .facts import Host
from .preflight import Check, failed, passed
from .rights import rights_checks

_TCP_CLOSE_IN_PODMAN: Final = (5, 7)
_TCP_CLOSE_IN_CRUN: Final = (1, 23)


def fitness_checks(host: Host, runtime: str, work: Iterable[Work] = tuple(Work)) -> Iterator[Check]:
    """Checks of what the agent, Podman, CRIU and a runtime can do on this host."""
    yield from rights_checks(host.rights, work)
    if host.rootless:
        yield failed(
            "Rootful",
            "this Podman runs rootless; CRIU needs root",
            Cause.ROOTLESS,
            "Point the agent at the rootful socket: PODMAN_CHECKPOINT_PODMAN_URL",
        )
    else:
        yield passed("Rootful", "Podman runs as root")
    if not host.criu_version:
        yield failed(
            "CRIU",
            "CRIU is not installed on the host",
            Cause.RUNTIME_WITHOUT_CRIU,
            "Install criu 4.2 or newer on the host",
        )
    if runtime == "crun" and not host.runtime_supports_criu:
        first_line, _, _ = host.runtime_version.partition("\n")
        yield failed(
            "Runtime",
            f"{first_line or 'crun'} was built without CRIU",
            Cause.RUNTIME_WITHOUT_CRIU,
            "Install a crun with +CRIU in crun --version, or runc",
        )
    else:
        yield passed("Runtime", runtime)


def lacking_for_tcp_close(host: Host, runtime: str) -> str:
    """Return why connections of this runtime's containers cannot be closed by a restore."""
    if version(host.podman_version) < _TCP_CLOSE_IN_PODMAN:
        return f"this host has Podman {host.podman_version}"
    if runtime != "crun":
        return f"the container's runtime is {runtime}"
    # Podman tells the version of its default runtime only.
    if host.runtime == runtime and version(host.runtime_version) < _TCP_CLOSE_IN_CRUN:
        return f"this host has {host.runtime_version.splitlines()[0]}"
    return ""
