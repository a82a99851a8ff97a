"""The agent is killed at exact points of its work, and started again.

Right after the kill, with no agent there, the container runs or its complete state is on disk.
After the next start the operation ends well, and the host is as if nothing had happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import (
    archives,
    kill_at,
    kill_at_each,
    require_kept,
    require_nothing_left,
    require_one_archive,
    require_unfrozen,
    state_on_host,
    wait_for_death,
)
from tests.e2e.support import Container
from tests.lab import paths

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

STORING = (
    "after:file:write",
    "before:store:publish",
    "after:store:publish",
    "after:journal:Stored",
    "before:status:final",
    "after:status:final",
)
"""Points after a dump with an archive."""


def test_live_archive(bench: Bench, host_a: Host, host_b: Host) -> None:
    container = bench.count(host_a)
    started_at = container.started_at

    saved = kill_at_each(
        (
            "after:journal:Freezing",
            "during:podman:checkpoint",
            "after:podman:checkpoint",
            "after:archives:capture",
            "after:journal:Captured",
            *STORING,
        ),
        host_a,
        lambda: bench.checkpoint(container, leaveRunning=True, archive={}),
        lambda: require_unfrozen(container),
    )

    require_unfrozen(container)
    assert container.started_at == started_at
    require_one_archive(bench, saved)
    require_nothing_left(host_a)
    assert not state_on_host(container)
    host_b.load_image("busybox")
    bench.restore(host_b, saved).wait_ready()
    require_unfrozen(container.on(host_b))


def test_stopping_archive(bench: Bench, host_a: Host, host_b: Host) -> None:
    container = bench.count(host_a)

    saved = kill_at_each(
        ("during:podman:checkpoint", "after:journal:Checkpointed", *STORING),
        host_a,
        lambda: bench.checkpoint(container, archive={}),
        lambda: require_kept(container),
    )

    assert container.state == "exited"
    assert state_on_host(container)
    assert saved.condition("Checkpointed")["status"] == "True"
    require_one_archive(bench, saved)
    require_nothing_left(host_a)
    host_b.load_image("busybox")
    bench.restore(host_b, saved).wait_ready()
    require_unfrozen(container.on(host_b))


def test_in_place_and_back(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)

    saved = kill_at_each(
        (
            "after:journal:Checkpointing",
            "after:podman:checkpoint",
            "after:journal:Checkpointed",
            "before:status:final",
        ),
        host_a,
        lambda: bench.checkpoint(container),
        lambda: require_kept(container),
    )

    assert container.state == "exited"
    assert saved.condition("Checkpointed")["status"] == "True"
    require_nothing_left(host_a)

    kill_at_each(
        (
            "after:journal:Restoring",
            "during:podman:restore",
            "before:machine:clear_stored_checkpoint",
            "after:machine:clear_stored_checkpoint",
            "before:status:final",
        ),
        host_a,
        lambda: bench.restore(host_a, saved),
        lambda: require_kept(container),
    )

    require_unfrozen(container)
    assert not state_on_host(container)
    require_nothing_left(host_a)


@pytest.mark.parametrize(
    "points",
    [
        (
            "after:journal:Restoring",
            "during:archives:open_plain",
            "during:podman:restore_archive",
            "before:status:final",
        ),
        ("after:podman:restore_archive", "after:journal:Restored"),
    ],
    ids=["on the way", "at the end"],
)
def test_restore_from_archive(
    bench: Bench, host_a: Host, host_b: Host, points: tuple[str, ...]
) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    host_b.load_image("busybox")

    kill_at_each(
        points,
        host_b,
        lambda: bench.restore(host_b, saved),
        lambda: require_one_archive(bench, saved),
    )

    require_unfrozen(container.on(host_b))
    require_nothing_left(host_b)


@pytest.mark.parametrize(
    "points",
    [
        ("after:journal:Replacing", "after:podman:stop", "after:podman:rename"),
        ("during:podman:restore_archive", "before:podman:remove", "before:status:final"),
    ],
    ids=["making room", "restoring"],
)
def test_replace(bench: Bench, host_a: Host, host_b: Host, points: tuple[str, ...]) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    other = bench.count(host_b, "--stop-timeout=0")
    replaced = other.id

    kill_at_each(
        points,
        host_b,
        lambda: bench.restore(host_b, saved, existingContainer="Replace"),
        lambda: require_one_archive(bench, saved),
    )

    assert container.on(host_b).id == container.id
    require_unfrozen(container.on(host_b))
    assert not Container(host_b, replaced).exists()
    require_nothing_left(host_b)


@pytest.mark.parametrize("point", ["after:podman:stop", "after:podman:rename"])
def test_a_replaced_container_comes_back_when_the_restore_fails(
    bench: Bench, host_a: Host, host_b: Host, point: str
) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    other = bench.count(host_b, "--stop-timeout=0")
    replaced = other.id
    kill_at(point, host_b)
    back = bench.restore(host_b, saved, existingContainer="Replace")
    wait_for_death(host_b)
    (paths.ARCHIVES / bench.prefix / archives(bench)[0]).unlink()

    host_b.agent_start()
    back.wait_failed("ArchiveMissing")

    assert other.id == replaced
    assert other.state == "running"
    require_nothing_left(host_b)
