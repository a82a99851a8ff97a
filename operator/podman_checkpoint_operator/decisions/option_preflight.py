"""Options that make no sense for the host, or for the state that is to be restored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ..api.reasons import Cause
from ..api.remedies import Setting
from .preflight import Check, failed, listed, passed, warned


def pre_copy_checks(*, wanted: bool, tracked: bool, kernel_version: str) -> Iterator[Check]:
    """Checks that memory can be copied while the container goes on.

    Args:
        wanted: it is asked for.
        tracked: kernel and CRIU can tell which memory has changed since.
        kernel_version: of the host.
    """
    if wanted and not tracked:
        yield failed(
            "PreCopy",
            f"kernel {kernel_version} cannot tell which memory changes while it is copied"
            " (criu check --feature mem_dirty_track)",
            Cause.PRE_COPY_UNSUPPORTED,
            Setting("spec.preCopy: false", otherwise="boot a kernel with CONFIG_MEM_SOFT_DIRTY"),
        )
    elif wanted:
        yield passed("PreCopy", f"kernel {kernel_version} tracks changed memory")


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
            Setting(
                "spec.source.archive and spec.existingContainer: Replace to restore an archive of"
                " it",
                rather="remove them",
            ),
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
            Setting(
                "spec.ignoreVolumes: true after you have put the volumes with their content on this"
                " host"
            ),
        )
    absent = [name for name in volumes if name not in existing]
    if ignore_volumes and absent:
        yield warned(
            "Volumes",
            f"these volumes are not on this host and begin empty: {listed(absent)}",
            "Processes that have files of them open cannot be restored",
        )
