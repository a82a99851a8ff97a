"""Options of a restore that make no sense for the state that it is to restore."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ..api.reasons import Cause
from .preflight import Check, failed, listed, warned


def in_place_checks(options: Sequence[str]) -> Iterator[Check]:
    """Checks that a restore in place is not asked for what only a restore of an archive can do.

    Args:
        options: the fields of the spec that are set and need an archive.
    """
    if options:
        yield failed(
            "Options",
            f"{listed(options, most=8)} cannot be fulfilled: the container is still on this host"
            " and goes on in place, as it is",
            Cause.UNSUPPORTED_OPTION,
            "Remove them; or restore an archive of it, by spec.source.archive and"
            " spec.existingContainer: Replace",
        )


def volume_checks(
    *,
    volumes: Sequence[str],
    unsaved: Sequence[str],
    existing: Collection[str],
    ignore_volumes: bool,
) -> Iterator[Check]:
    """Checks that each named volume gets its content from one place.

    Args:
        volumes: all that the container has.
        unsaved: those whose content is not in the archive.
        existing: those that are on the host.
        ignore_volumes: those on the host are used as they are.
    """
    if unsaved and not ignore_volumes:
        yield failed(
            "Volumes",
            f"the archive was made without the content of volumes {listed(unsaved)}",
            Cause.VOLUME_NOT_SAVED,
            "Put the volumes with their content on this host, and set spec.ignoreVolumes: true",
        )
    absent = [name for name in volumes if name not in existing]
    if ignore_volumes and absent:
        yield warned(
            "Volumes",
            f"these volumes are not on this host and begin empty: {listed(absent)}",
            "Processes that have files of them open cannot be restored",
        )
