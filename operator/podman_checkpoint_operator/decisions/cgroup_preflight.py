"""Control groups that a container made for itself, and what its processes wait for in them."""

from __future__ import annotations

from ..api.reasons import Cause
from ..criu.restore_failures import WITHOUT_CGROUP_WATCHES
from .preflight import Check, failed, listed, passed


def cgroup_check(watches: tuple[str, ...]) -> Check:
    """Check that no process waits for what CRIU does not bring back.

    Args:
        watches: files of control groups that are watched by inotify or hold a pressure trigger.
    """
    if not watches:
        return passed("CgroupWatches", "none")
    return failed(
        "CgroupWatches",
        "the container's processes watch files of control groups, which CRIU does not restore:"
        f" {listed(watches)}",
        Cause.CGROUP_WATCH,
        WITHOUT_CGROUP_WATCHES,
    )
