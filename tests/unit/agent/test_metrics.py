"""What is counted, and that every number is there before the first operation.

Not here: that Prometheus takes it, and that an agent counts right; see tests/e2e/test_metrics.py.
"""

from __future__ import annotations

import platform
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from podman_checkpoint_operator.agent.metrics import Metrics, Sample
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.reconcilers.observer import Load

HEALTHY = Sample(podman_reachable=True, store=(1000, 400))
CHECKPOINT, RESTORE = "ContainerCheckpoint", "ContainerRestore"
SAVED = {
    "completionTime": "2026-01-01T00:00:10Z",
    "statistics": {"pausedMicroseconds": 300_000, "frozenMicroseconds": 200_000},
    "archive": {"sizeBytes": 5 << 20},
}
FAILED = {
    "completionTime": "2026-01-01T00:00:20Z",
    "diagnosis": {"cause": "GhostFileTooLarge"},
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def values(
    metrics: Metrics, sample: Sample = HEALTHY, load: Load | None = None
) -> dict[str, float]:
    """Return a scrape's samples: name and label values, without the prefix."""
    text, content_type = metrics.render("", load or Load(), sample)
    assert content_type.startswith("text/plain")
    return {
        "/".join([each.name.removeprefix("podman_checkpoint_"), *each.labels.values()]): each.value
        for family in text_string_to_metric_families(text.decode())
        for each in family.samples
    }


def test_all_counters_begin_at_zero(metrics: Metrics) -> None:
    """Prometheus sees no increase in a series that appears with its first count."""
    before = values(metrics)
    for kind in (CHECKPOINT, RESTORE):
        for result in ("succeeded", "failed", "abandoned"):
            assert before[f"operations_total/{kind}/{result}"] == 0
        assert before[f"operation_duration_seconds_count/{kind}"] == 0
        assert before[f"operations_in_progress/{kind}"] == 0
        assert before[f"operations_waiting/{kind}"] == 0
    for cause in Cause:
        assert before[f"failures_total/{cause}"] == 0
    assert before["ghost_limit_changes_total"] == 0
    assert before["pause_seconds_count"] == before["archive_bytes_count"] == 0
    assert before[f"build_info/{platform.python_version()}/1.2.3"] == 1


def test_a_success_with_everything(metrics: Metrics) -> None:
    metrics.ended(CHECKPOINT, SAVED, 2.0)
    after = values(metrics)
    assert after["operations_total/ContainerCheckpoint/succeeded"] == 1
    assert after["operation_duration_seconds_sum/ContainerCheckpoint"] == 2.0
    assert after["pause_seconds_sum"] == 0.3
    assert after["archive_bytes_sum"] == 5 << 20
    assert after["last_success_timestamp_seconds/ContainerCheckpoint"] == 1767225610
    assert "last_success_timestamp_seconds/ContainerRestore" not in after


def test_a_failure_has_a_cause_and_no_duration(metrics: Metrics) -> None:
    metrics.ended(RESTORE, FAILED, 0.01)
    after = values(metrics)
    assert after["operations_total/ContainerRestore/failed"] == 1
    assert after["failures_total/GhostFileTooLarge"] == 1
    assert after["operation_duration_seconds_count/ContainerRestore"] == 0
    assert "last_success_timestamp_seconds/ContainerRestore" not in after


def test_a_container_was_held_still_also_when_the_archive_could_not_be_stored(
    metrics: Metrics,
) -> None:
    metrics.ended(CHECKPOINT, {**FAILED, "statistics": SAVED["statistics"]}, 1.0)
    assert values(metrics)["pause_seconds_count"] == 1


def test_abandoned_operations_and_ghost_limits(metrics: Metrics) -> None:
    metrics.abandoned(RESTORE)
    metrics.ghost_limit_changed()
    after = values(metrics)
    assert after["operations_total/ContainerRestore/abandoned"] == 1
    assert after["ghost_limit_changes_total"] == 1


@pytest.mark.parametrize("order", [1, -1])
def test_the_last_success_is_the_latest_whoever_had_it(metrics: Metrics, order: int) -> None:
    ends = [{"completionTime": f"2026-01-01T00:00:{second}Z"} for second in (10, 20)]
    for end in ends[::order]:
        metrics.seen(CHECKPOINT, end)
    metrics.seen(CHECKPOINT, {**FAILED, "completionTime": "2027-01-01T00:00:00Z"})
    after = values(metrics)
    assert after["last_success_timestamp_seconds/ContainerCheckpoint"] == 1767225620
    assert after["operations_total/ContainerCheckpoint/succeeded"] == 0


def test_the_queue_is_that_of_the_scrape(metrics: Metrics) -> None:
    load = Load()
    with load.under_way(CHECKPOINT), load.under_way(CHECKPOINT), load.working(CHECKPOINT):
        during = values(metrics, load=load)
    assert during["operations_in_progress/ContainerCheckpoint"] == 1
    assert during["operations_waiting/ContainerCheckpoint"] == 1
    assert values(metrics, load=load)["operations_in_progress/ContainerCheckpoint"] == 0


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (HEALTHY, {"podman_reachable": 1, "store_usable/default": 1}),
        (Sample(podman_reachable=False, store=None), {"podman_reachable": 0}),
    ],
)
def test_the_host_is_that_of_the_scrape(
    metrics: Metrics, sample: Sample, expected: dict[str, Any]
) -> None:
    values(metrics)  # what was known before is not told for ever
    after = values(metrics, sample)
    assert expected.items() <= after.items()
    assert ("store_available_bytes/default" in after) == (sample.store is not None)
    assert after["store_usable/default"] == (sample.store is not None)


def test_a_drain(metrics: Metrics) -> None:
    before = values(metrics)
    assert before["drain/NotDraining"] == 1
    assert before["drain/CannotDrain"] == before["drain_containers/Safe"] == 0
    assert before["drains_total/drained"] == before["drains_total/cancelled"] == 0
    containers = [{"name": state, "id": state, "state": state} for state in ("Safe", "Newer")]
    drain = {"startTime": "2026-01-01T00:00:00Z", "bootID": "1", "containers": containers}
    condition = {
        "type": "Drained",
        "status": "True",
        "reason": "Drained",
        "lastTransitionTime": "2026-01-01T00:01:30Z",
    }
    metrics.drain_seen({"status": {"drain": drain, "conditions": [condition]}})
    during = values(metrics)
    assert (during["drain/Drained"], during["drain/NotDraining"]) == (1, 0)
    assert (during["drain_containers/Safe"], during["drain_containers/Failed"]) == (1, 0)
    assert during["drain_duration_seconds"] == 90
    metrics.drain_seen({})
    metrics.drain_ended(well=True)
    metrics.drain_ended(well=False)
    after = values(metrics)
    assert (after["drain/Drained"], after["drain_containers/Safe"]) == (0, 0)
    assert after["drain_duration_seconds"] == 90
    assert after["drains_total/drained"] == after["drains_total/cancelled"] == 1


def test_openmetrics_for_those_that_ask_for_it(metrics: Metrics) -> None:
    text, content_type = metrics.render("application/openmetrics-text", Load(), HEALTHY)
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
