"""Whether there is room for what a checkpoint or a restore writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ..api.reasons import Cause
from .facts import Space
from .preflight import Check, failed, passed, size


def space_checks(spaces: Iterable[Space]) -> Iterator[Check]:
    """Checks that every file system written to has room for what is written there."""
    shared: Counter[int] = Counter()
    for space in spaces:
        shared[space.device] += space.needed_bytes
        # What goes before on the same file system is gone by then.
        needed = shared[space.device] if space.device else space.needed_bytes
        needs = f"{size(needed)} needed, {size(space.free_bytes)} free at {space.path}"
        if needed > space.free_bytes:
            yield failed(
                "DiskSpace",
                f"not enough space for {space.purpose}: {needs}",
                Cause.NO_SPACE,
                f"Free {size(needed - space.free_bytes)} or more on that file system",
            )
        else:
            yield passed("DiskSpace", f"{space.purpose}: {needs}")
