"""Which hosts count as lost, what is said of them, and of resources whose host is.

Not here: that a real API server dates a heartbeat as is read here; see tests/e2e/test_hosts.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from podman_checkpoint_operator.api import conditions
from podman_checkpoint_operator.api.names import FINALIZER
from podman_checkpoint_operator.api.reasons import Reason
from podman_checkpoint_operator.decisions.fleet import (
    HostState,
    Silence,
    heartbeat_ages,
    is_abandoned,
    marked,
    silence_of,
    silences,
    state_of,
    tells_of,
)
from podman_checkpoint_operator.decisions.heartbeat import LEASE_SECONDS, Heartbeat, heartbeat_of

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
LOST = Silence(Reason.HEARTBEAT_LOST, "not heard of since then")


def host(name: str, *, made: datetime = LONG_AGO) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": made.isoformat()}}


def resource(node: str, *, made: datetime = LONG_AGO) -> dict[str, Any]:
    return {"metadata": {"creationTimestamp": made.isoformat()}, "spec": {"nodeName": node}}


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "lost"), [(0, False), (LEASE_SECONDS, False), (LEASE_SECONDS + 1, True)]
)
def test_a_host_is_lost_when_its_last_heartbeat_no_longer_holds(seconds: int, lost: bool) -> None:
    found = silences([host("a")], [Heartbeat("a", ago(seconds))], NOW)

    assert ("a" in found) == lost


def test_the_message_tells_since_when_and_where_to_look() -> None:
    found = silences([host("a")], [Heartbeat("a", ago(90))], NOW)["a"]

    assert found.reason is Reason.HEARTBEAT_LOST
    assert "since 2026-11-23T11:58:30Z" in found.message
    assert "Look whether the host runs" in found.message


def test_each_host_has_its_own_heartbeat() -> None:
    beats = [Heartbeat("a", ago(1)), Heartbeat("b", ago(100)), Heartbeat("removed", ago(100))]

    assert set(silences([host("a"), host("b")], beats, NOW)) == {"b"}


@pytest.mark.parametrize(
    ("status", "state"),
    [("True", "Ready"), ("False", "NotReady"), ("Unknown", "Unknown"), ("", "Unknown")],
)
def test_the_state_of_a_host_is_what_its_agent_says_while_it_is_heard(
    status: str, state: HostState
) -> None:
    told = {**host("a"), "status": {"conditions": [{"type": "Ready", "status": status}]}}

    assert state_of(told, {}) == state
    assert state_of(told, {"a": LOST}) is HostState.LOST
    assert state_of(host("a"), {}) is HostState.UNKNOWN


def test_the_age_of_a_heartbeat_that_never_came_is_that_of_the_host() -> None:
    hosts = [host("a"), host("b", made=ago(50))]

    ages = heartbeat_ages(hosts, [Heartbeat("a", ago(3)), Heartbeat("removed", ago(9))], NOW)

    assert ages == {"a": 3, "b": 50}


def test_a_host_that_was_written_down_before_its_agent_came_gets_some_time() -> None:
    assert not silences([host("a", made=ago(LEASE_SECONDS))], [], NOW)
    assert "has not been heard of" in silences([host("a")], [], NOW)["a"].message


def test_a_heartbeat_is_dated_by_the_api_servers_last_write() -> None:
    lease = {
        "metadata": {
            "name": "a",
            "creationTimestamp": "2026-11-23T10:00:00Z",
            "managedFields": [
                {"manager": "kubectl", "time": "2026-11-23T10:30:00Z"},
                {"manager": "agent", "time": "2026-11-23T11:59:50Z"},
                {"manager": "timeless"},
            ],
        },
        # By the host's clock, which may be wrong by years.
        "spec": {"renewTime": "2036-01-01T00:00:00.000000Z"},
    }

    assert heartbeat_of(lease) == Heartbeat("a", ago(10))


def test_a_lease_that_was_only_made_counts_from_then() -> None:
    lease = {"metadata": {"name": "a", "creationTimestamp": "2026-11-23T11:59:50Z"}}

    assert heartbeat_of(lease) == Heartbeat("a", ago(10))


def test_a_resource_of_a_host_that_is_there_is_nobodys_business() -> None:
    assert silence_of(resource("a"), ["a"], {}, NOW) is None


def test_a_resource_of_a_lost_host_says_so() -> None:
    assert silence_of(resource("a"), ["a", "b"], {"a": LOST}, NOW) == LOST


def test_a_misspelt_host_is_named_with_those_there_are() -> None:
    found = silence_of(resource("hots-a"), ["host-b", "host-a"], {}, NOW)

    assert found is not None
    assert found.reason is Reason.HOST_UNKNOWN
    assert found.message.startswith(
        "No agent has registered a host hots-a; there are host-a, host-b."
    )


@pytest.mark.parametrize(
    ("known", "text"), [([], "there is none at all."), (["one"], "there is one.")]
)
def test_how_many_hosts_there_are(known: list[str], text: str) -> None:
    found = silence_of(resource("x"), known, {}, NOW)

    assert found is not None
    assert text in found.message


def test_an_agent_may_take_its_time_to_register() -> None:
    fresh = resource("a", made=ago(LEASE_SECONDS))

    assert silence_of(fresh, [], {}, NOW) is None


def deleted(node: str, seconds_ago: float, *, finalizer: str = FINALIZER) -> dict[str, Any]:
    metadata = {"deletionTimestamp": ago(seconds_ago).isoformat(), "finalizers": [finalizer]}
    return {"metadata": metadata, "spec": {"nodeName": node}}


@pytest.mark.parametrize(
    ("seconds", "known", "lost", "abandoned"),
    [
        (7200, ["a"], {}, False),  # the agent is there, and may be at it
        (60, ["a"], {"a": LOST}, False),
        (3601, ["a"], {"a": LOST}, True),
        (LEASE_SECONDS, [], {}, False),
        (LEASE_SECONDS + 1, [], {}, True),  # an administrator has deleted the host
    ],
)
def test_who_waits_for_an_agent_in_vain(
    seconds: int, known: list[str], lost: dict[str, Silence], abandoned: bool
) -> None:
    assert is_abandoned(deleted("a", seconds), known, lost, NOW) is abandoned


def test_what_waits_for_somebody_else_is_left_to_wait() -> None:
    theirs = deleted("a", 7200, finalizer="example.org/backup")

    assert not is_abandoned(theirs, [], {}, NOW)


def test_a_mark_is_written_once() -> None:
    before = conditions.succeeded(
        [], reason=Reason.HOST_READY, message="fine", generation=1, now=LONG_AGO
    )
    assert not tells_of(before, LOST)

    after = marked(before, LOST, generation=1, now=NOW)

    assert tells_of(after, LOST)
    assert [(each["type"], each["status"]) for each in after] == [
        ("Ready", "Unknown"),
        ("Reconciling", "True"),
    ]
