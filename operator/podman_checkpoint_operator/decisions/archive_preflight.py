"""Whether an archive is the one that is asked for, and whether this host can run what was saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..criu.configuration import version
from .facts import Container, Host, StoredCheckpoint
from .preflight import Check, failed, listed, passed, warned
from .recovery import is_of_run


@dataclass(frozen=True)
class Origin:
    """Where a checkpoint was taken, as the agent that took it has noted."""

    namespace: str = ""
    """Of the ContainerCheckpoint; empty for what Podman has made by itself."""
    name: str = ""
    uid: str = ""
    criu_version: str = ""
    cpu_features: frozenset[str] = frozenset()

    @classmethod
    def read(cls, noted: Mapping[str, str]) -> Origin:
        """Read a note; what is missing is empty."""
        return cls(
            namespace=noted.get("namespace", ""),
            name=noted.get("name", ""),
            uid=noted.get("uid", ""),
            criu_version=noted.get("criuVersion", ""),
            cpu_features=frozenset(noted.get("cpuFeatures", "").split()),
        )


@dataclass(frozen=True)
class Claim:
    """What the resources say of an archive that is to be restored."""

    namespace: str
    """Of the ContainerRestore, and of its ContainerCheckpoint."""
    checkpoint: str = ""
    """The ContainerCheckpoint; empty where the archive itself is named."""
    uid: str = ""
    container_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What an archive says of its container, as far as the checks depend on it."""

    container_name: str
    container_id: str
    image_name: str
    image_id: str
    runtime: str
    architecture: str
    origin: Origin = field(default_factory=Origin)


def place_check(uri: str, directory: str, claim: Claim) -> Check:
    """Check, before an archive is read, that it is not in the directory of another namespace.

    What reading it would tell, such as its digest or the names beside it, is not for others either.

    Args:
        uri: of the archive.
        directory: of the store that it is in; empty for an archive beside the directories.
        claim: of who asks for it.
    """
    if directory in ("", claim.namespace):
        return passed("Origin", f"{uri} is in a place for this namespace")
    return failed(
        "Origin",
        f"{uri} is in the directory of namespace {directory}; this is namespace {claim.namespace}",
        Cause.ARCHIVE_OF_OTHER_NAMESPACE,
        f"Create the ContainerRestore in namespace {directory}, or have an administrator of the"
        f" host put the archive into the store's directory {claim.namespace}",
    )


def origin_check(saved: Saved, claim: Claim) -> Check:
    """Check that the archive is of the checkpoint that is asked for, and of this namespace.

    A digest binds a resource to bytes. Who may write a status, or the store, could put the bytes of
    another container there with their own digest; and who may create a restore in one namespace
    must not get at the containers of others.
    """
    origin = saved.origin
    made_by = (
        f"ContainerCheckpoint {origin.namespace}/{origin.name}" if origin.name else "Podman itself"
    )
    seen = f"the archive is of container {saved.container_name}, made by {made_by}"
    if claim.checkpoint and (origin.uid, saved.container_id) != (claim.uid, claim.container_id):
        return failed(
            "Origin",
            f"{seen}, and not what ContainerCheckpoint {claim.checkpoint} has stored",
            Cause.ARCHIVE_SWAPPED,
            Setting(
                "spec.source.archive with its digest to restore this one",
                rather="put the checkpoint's own archive back",
            ),
        )
    if origin.namespace and origin.namespace != claim.namespace:
        return failed(
            "Origin",
            f"{seen}; this is namespace {claim.namespace}",
            Cause.ARCHIVE_OF_OTHER_NAMESPACE,
            f"Create the ContainerRestore in namespace {origin.namespace}",
        )
    return passed("Origin", seen)


def archive_checks(saved: Saved, host: Host) -> Iterator[Check]:
    """Checks that the host can run what the archive holds."""
    if saved.architecture and saved.architecture != host.architecture:
        yield failed(
            "Architecture",
            f"the archive is of {saved.architecture}, this host is {host.architecture}",
            Cause.ARCHITECTURE_MISMATCH,
            "Restore it on a host of the same architecture",
        )
        return
    yield passed("Architecture", saved.architecture or "the archive does not tell")
    yield _cpu_check(
        saved.origin,
        host,
        "the archive",
        "Restore it on a host whose CPU has these, the same or a newer model",
    )
    if saved.runtime and saved.runtime != host.runtime:
        yield failed(
            "Runtime",
            f"the archive was made with {saved.runtime}, this host's runtime is {host.runtime}",
            Cause.RUNTIME_MISMATCH,
            f'Set runtime = "{saved.runtime}" in the host\'s containers.conf and restart Podman',
        )
    else:
        yield passed("Runtime", saved.runtime)
    yield from _criu_checks(saved.origin, host, "the archive")


def stored_checks(container: Container, stored: StoredCheckpoint, host: Host) -> Iterator[Check]:
    """Checks that the host, since it was booted, can still run what was left on it.

    Args:
        container: to be restored in place.
        stored: what lies in its bundle.
        host: as it is.
    """
    origin = Origin.read(stored.origin if is_of_run(stored, container) else {})
    yield _cpu_check(
        origin,
        host,
        "the state",
        "Give the host the CPU back that it had, or another that has these; of a virtual machine"
        " it is a setting",
    )
    yield from _criu_checks(origin, host, "the state")


def _criu_checks(origin: Origin, host: Host, what: str) -> Iterator[Check]:
    made_by, here = origin.criu_version, host.criu_version
    if version(here)[:2] < version(made_by)[:2]:
        yield warned(
            "CRIU",
            f"{what} was made by CRIU {made_by}; this host has CRIU {here}, which may not be able"
            " to read it",
            f"If the restore fails, install CRIU {made_by} or newer",
        )


def _cpu_check(origin: Origin, host: Host, what: str, remedy: str) -> Check:
    needed = origin.cpu_features
    if not needed or not host.cpu_features:
        return passed("CPU", f"not compared: {what} does not tell")
    missing = sorted(needed - host.cpu_features)
    if missing:
        return failed(
            "CPU",
            f"this host's CPU lacks {listed(missing, most=8)}, which the container's programs may"
            " have found and use",
            Cause.CPU_MISMATCH,
            remedy,
        )
    return passed("CPU", f"has all {len(needed)} instruction sets that were there")
