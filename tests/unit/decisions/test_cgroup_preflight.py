"""A container whose processes watch files of control groups is refused, with the remedy."""

from __future__ import annotations

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.cgroup_preflight import cgroup_check


def test_a_container_without_such_watches_passes() -> None:
    assert cgroup_check(()).result == "Pass"


def test_what_systemd_watches_is_named_with_its_settings() -> None:
    check = cgroup_check(("/sys/fs/cgroup/init.scope/memory.pressure", "init.scope/memory.events"))

    assert (check.result, check.cause) == ("Fail", Cause.CGROUP_WATCH)
    assert "init.scope/memory.events" in check.message
    for setting in ("MEMORY_PRESSURE_WATCH", "DefaultMemoryAccounting", "DefaultMemoryPressure"):
        assert setting in check.remedy
