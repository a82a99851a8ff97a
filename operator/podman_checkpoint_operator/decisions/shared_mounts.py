"""What an archive is made of may be written to by others than the container that it is of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .facts import Container, Mount
from .preflight import Check, listed, passed, warned


def copied(
    container: Container, *, volumes: Sequence[str], bind_mounts: Sequence[Path]
) -> tuple[Mount, ...]:
    """Return the mounts of a container whose content its archive takes from the host."""
    return tuple(
        mount
        for mount in container.mounts
        if (mount.name in volumes if mount.name else mount.source in bind_mounts)
    )


def shared_mount_checks(
    container: Container, mounts: Sequence[Mount], others: Sequence[Container]
) -> Iterator[Check]:
    """Checks that nobody else changes what is copied.

    Args:
        container: that is checkpointed.
        mounts: what its archive takes from the host.
        others: the running containers that mount any of them.
    """
    if not mounts:
        return
    names = {mount.shared_as for mount in mounts}
    writers = {
        other.name: sorted({mount.shared_as for mount in other.mounts if mount.writable} & names)
        for other in others
        if other.id != container.id
    }
    found = {name: shared for name, shared in writers.items() if shared}
    if not found:
        yield passed("SharedMounts", "no other running container writes to what is archived")
        return
    what = listed(dict.fromkeys(each for shared in found.values() for each in shared))
    yield warned(
        "SharedMounts",
        f"containers that run on may write to {what} while it is archived: {listed(found)}",
        "For files that fit together, stop them or checkpoint them without leaveRunning first, or"
        " podman pause them until the checkpoint is Ready",
    )
