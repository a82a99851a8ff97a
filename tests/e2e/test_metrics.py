"""What an agent counts, asked for as Prometheus does it, against what really happened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.faults import kill_at, wait_for_death
from tests.e2e.scraping import counted, scrape, scrape_controller, values
from tests.e2e.support import forget_ghost_limit
from tests.lab.prometheus import promtool
from tests.lab.waiting import wait_until
from tests.monitoring import metrics_used

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

CHECKPOINT, RESTORE = "ContainerCheckpoint", "ContainerRestore"


def require_counted(host: Host, before: Mapping[str, float], expected: Mapping[str, float]) -> None:
    """See these counts, and no others, more than before; users are told first."""

    def more() -> dict[str, float]:
        return {
            name: value - before.get(name, 0.0)
            for name, value in counted(host).items()
            if value != before.get(name, 0.0)
        }

    wait_until(lambda: more() == expected, f"{expected} to be counted")


def test_what_happened_is_what_is_counted(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("ghostwriter")
    container = bench.run(host_a, image="ghostwriter")
    wait_until(
        lambda: "deleted" in host_a.exec("podman", "logs", container.name).stdout,
        "the ghost file to be deleted",
    )
    forget_ghost_limit(host_a)
    before, before_on_b = counted(host_a), counted(host_b)
    sums = values(host_a, kind="histogram")

    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    status = saved.wait_ready()
    bench.checkpoint(container, "nobody", containerRef={"name": "none"}).wait_failed(
        "ContainerNotFound"
    )
    bench.restore(host_b, saved).wait_ready()

    require_counted(
        host_a,
        before,
        {
            f"operations_total {CHECKPOINT} succeeded": 1,
            f"operations_total {CHECKPOINT} failed": 1,
            "failures_total ContainerNotFound": 1,
            f"operation_duration_seconds_count {CHECKPOINT}": 1,
            "pause_seconds_count": 1,
            "archive_bytes_count": 1,
            "ghost_limit_changes_total": 1,
        },
    )
    require_counted(
        host_b,
        before_on_b,
        {
            f"operations_total {RESTORE} succeeded": 1,
            f"operation_duration_seconds_count {RESTORE}": 1,
        },
    )
    after = values(host_a)
    assert after["archive_bytes_sum"] - sums["archive_bytes_sum"] == status["archive"]["sizeBytes"]
    paused = status["statistics"]["pausedMicroseconds"] / 1e6
    assert after["pause_seconds_sum"] - sums["pause_seconds_sum"] == pytest.approx(paused)
    assert after[f"operations_in_progress {CHECKPOINT}"] == 0
    assert after["podman_reachable"] == after["store_usable default"] == 1
    assert 0 < after["store_available_bytes default"] < after["store_capacity_bytes default"]
    texts = (scrape(host_a), scrape_controller())
    for text in texts:
        promtool("check", "metrics", stdin=text)
    missing = metrics_used() - set(re.findall(r"^# TYPE (\w+)", "".join(texts), re.MULTILINE))
    assert not missing, "alerts or the dashboard ask for what there is not"


@pytest.mark.parametrize(
    ("point", "told"),
    [("after:journal:Finished", False), ("after:status:final", True)],
    ids=["before it is told", "after it was told"],
)
def test_an_operation_that_outlives_its_agent_is_counted_once(
    bench: Bench, host_a: Host, point: str, told: bool
) -> None:
    container = bench.count(host_a)
    kill_at(point, host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    wait_for_death(host_a)
    assert bool(saved.condition("Ready").get("status") == "True") is told

    host_a.agent_start()
    saved.wait_ready()

    require_counted(
        host_a,
        {},
        {
            f"operations_total {CHECKPOINT} succeeded": 1,
            f"operation_duration_seconds_count {CHECKPOINT}": 1,
            "pause_seconds_count": 1,
            "archive_bytes_count": 1,
        },
    )


def test_the_last_success_outlives_the_agent(bench: Bench, host_a: Host) -> None:
    bench.checkpoint(bench.count(host_a), leaveRunning=True, archive={}).wait_ready()
    name = f"last_success_timestamp_seconds {CHECKPOINT}"
    wait_until(lambda: name in values(host_a), "the success to be known")
    before = values(host_a)[name]

    host_a.agent_kill()
    host_a.agent_start()

    wait_until(lambda: values(host_a).get(name) == before, "the success to be known again")
    assert not any(counted(host_a).values())
