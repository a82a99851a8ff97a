"""When the controller marks hosts and resources, and when it must not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from podman_checkpoint_operator.api.names import FINALIZER
from podman_checkpoint_operator.controller import fleet as module
from podman_checkpoint_operator.controller.api_server import Heartbeats
from podman_checkpoint_operator.controller.fleet import Fleet
from podman_checkpoint_operator.controller.metrics import PREFIX, Metrics
from podman_checkpoint_operator.decisions.heartbeat import LEASE_SECONDS, Heartbeat
from podman_checkpoint_operator.reconcilers.resource import StatusUnwritable
from tests.unit.clock import Clock

TIMED = module
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LONG_AGO = (NOW - timedelta(hours=1)).isoformat()


class Api:
    """Has heartbeats of two hosts, one of which may stop, and keeps what is written."""

    def __init__(self) -> None:
        self.written: list[tuple[str, list[dict[str, Any]]]] = []
        self.released: list[str] = []
        self.ages = {"host-a": 1, "host-b": 1}
        self.away = False

    def heartbeats(self) -> Heartbeats:
        if self.away:
            raise StatusUnwritable("connection refused")
        last = (Heartbeat(name, NOW - timedelta(seconds=age)) for name, age in self.ages.items())
        return Heartbeats(tuple(last), NOW)

    def conditions(self, resource: Any, conditions: list[dict[str, Any]], generation: int) -> None:
        self.written.append((resource["metadata"]["name"], conditions))

    def release(self, resource: Any) -> None:
        self.released.append(resource["metadata"]["name"])


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1")


@pytest.fixture
def fleet(api: Api, clock: Clock, metrics: Metrics) -> Fleet:
    """A fleet of two hosts, seen for as long as a heartbeat holds."""
    fleet = Fleet(api, metrics)
    for name in ("host-a", "host-b"):
        fleet.seen(body("PodmanHost", name), deleted=False)
    fleet.look()
    clock.now += LEASE_SECONDS + 1
    return fleet


def body(kind: str, name: str, *, node: str = "", ended: bool = False) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True" if ended else "Unknown", "reason": "Accepted"}
    ready |= {"message": "", "lastTransitionTime": LONG_AGO}
    return {
        "kind": kind,
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": LONG_AGO},
        "spec": {"nodeName": node},
        "status": {"conditions": [ready]},
    }


def test_nothing_is_written_while_all_is_well(fleet: Fleet, api: Api) -> None:
    fleet.seen(body("ContainerCheckpoint", "cp", node="host-a"), deleted=False)
    fleet.look()

    assert not api.written


def test_a_silent_host_and_what_waits_for_it_are_marked(fleet: Fleet, api: Api) -> None:
    api.ages["host-b"] = LEASE_SECONDS + 1
    for name, node, ended in (
        ("a", "host-a", False),
        ("b", "host-b", False),
        ("done", "host-b", True),
    ):
        fleet.seen(body("ContainerCheckpoint", name, node=node, ended=ended), deleted=False)
    fleet.look()

    assert [name for name, _ in api.written] == ["host-b", "b"]
    for _, conditions in api.written:
        assert (conditions[0]["status"], conditions[0]["reason"]) == ("Unknown", "HeartbeatLost")


def test_a_mark_is_not_written_again(fleet: Fleet, api: Api) -> None:
    api.ages["host-b"] = LEASE_SECONDS + 1
    fleet.look()
    (_, conditions) = api.written.pop()
    marked = body("PodmanHost", "host-b")
    marked["status"]["conditions"] = conditions

    fleet.seen(marked, deleted=False)
    fleet.look()

    assert not api.written


def test_a_resource_of_no_host_is_marked(fleet: Fleet, api: Api) -> None:
    fleet.seen(body("ContainerRestore", "rs", node="host-x"), deleted=False)
    fleet.look()

    ((name, conditions),) = api.written
    assert (name, conditions[0]["reason"]) == ("rs", "HostUnknown")


@pytest.mark.parametrize("kind", ["PodmanHost", "ContainerCheckpoint"])
def test_what_was_deleted_is_forgotten(fleet: Fleet, api: Api, kind: str) -> None:
    gone = body(kind, "host-b" if kind == "PodmanHost" else "cp", node="host-x")
    fleet.seen(gone, deleted=False)
    fleet.seen(gone, deleted=True)
    api.ages["host-b"] = LEASE_SECONDS + 1
    fleet.look()

    assert gone["metadata"]["name"] not in dict(api.written)


def test_what_is_deleted_with_its_host_is_let_go(fleet: Fleet, api: Api) -> None:
    for name, node in (("gone", "host-x"), ("there", "host-a")):
        deleted = body("ContainerCheckpoint", name, node=node, ended=True)
        deleted["metadata"] |= {"deletionTimestamp": LONG_AGO, "finalizers": [FINALIZER]}
        fleet.seen(deleted, deleted=False)
    fleet.look()

    assert api.released == ["gone"]
    assert not api.written


def test_who_was_blind_blames_nobody(fleet: Fleet, api: Api, clock: Clock) -> None:
    api.away = True
    fleet.look()
    api.away = False
    api.ages = dict.fromkeys(api.ages, LEASE_SECONDS + 60)

    fleet.look()
    assert not api.written

    clock.now += LEASE_SECONDS + 1
    fleet.look()
    assert {name for name, _ in api.written} == {"host-a", "host-b"}


def exposed(metrics: Metrics) -> dict[str, float]:
    """Return the samples that are not 0: names and label values, without the prefix."""
    text, _ = asyncio.run(metrics.render(""))
    return {
        " ".join([each.name.removeprefix(f"{PREFIX}_"), *each.labels.values()]): each.value
        for family in text_string_to_metric_families(text.decode())
        if family.name.startswith(PREFIX) and "build_info" not in family.name
        for each in family.samples
        if each.value
    }


def test_what_is_seen_and_done_is_measured(fleet: Fleet, api: Api, metrics: Metrics) -> None:
    api.ages["host-b"] = LEASE_SECONDS + 1
    fleet.seen(body("ContainerCheckpoint", "lost", node="host-b"), deleted=False)
    fleet.seen(body("ContainerRestore", "typo", node="host-x"), deleted=False)
    fleet.look()

    assert exposed(metrics) == {
        "sees_fleet": 1,
        "hosts Lost": 1,
        "hosts Unknown": 1,
        "heartbeat_age_seconds host-a": 1,
        "heartbeat_age_seconds host-b": LEASE_SECONDS + 1,
        "stranded_resources ContainerCheckpoint HeartbeatLost": 1,
        "stranded_resources ContainerRestore HostUnknown": 1,
        "marked_total PodmanHost HeartbeatLost": 1,
        "marked_total ContainerCheckpoint HeartbeatLost": 1,
        "marked_total ContainerRestore HostUnknown": 1,
        "looks_total succeeded": 2,
    }


def test_a_host_that_was_deleted_is_no_longer_measured(fleet: Fleet, metrics: Metrics) -> None:
    fleet.look()
    assert "heartbeat_age_seconds host-b" in exposed(metrics)

    fleet.seen(body("PodmanHost", "host-b"), deleted=True)
    fleet.look()

    assert "heartbeat_age_seconds host-b" not in exposed(metrics)


def test_who_is_blind_measures_nothing(fleet: Fleet, api: Api, metrics: Metrics) -> None:
    fleet.look()
    api.away = True
    fleet.look()

    assert exposed(metrics) == {"looks_total succeeded": 2, "looks_total failed": 1}
