"""Where a restore finds the state of a ContainerCheckpoint, by that resource's status alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.archive_preflight import Claim
from podman_checkpoint_operator.decisions.facts import StoredCheckpoint
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.source import (
    ArchivedState,
    LocalState,
    NotYet,
    state_of_checkpoint,
)

DIGEST = "sha256:" + "0" * 64
URI = "file:///archives/default/cp.tar.zst"
CLAIM = Claim(namespace="default", checkpoint="cp", uid="uid-1", container_id="abc")
NOW = "2026-03-01T12:00:00Z"
STORED = StoredCheckpoint(complete=True, taken_at=datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC))


def condition(type_: str, status: str) -> dict[str, str]:
    return {
        "type": type_,
        "status": status,
        "reason": "Any",
        "message": "",
        "lastTransitionTime": NOW,
    }


def checkpoint(*, node: str = "host-a", archive: bool = False, ready: str = "True") -> Any:
    status: dict[str, Any] = {
        "conditions": [condition("Ready", ready)],
        "container": {"id": "abc", "name": "db"},
        "startTime": NOW,
        "completionTime": "2026-03-01T12:00:09Z",
    }
    if archive:
        status["archive"] = {
            "uri": URI,
            "digest": DIGEST,
            "sizeBytes": 1,
            "compression": "zstd",
        }
    metadata = {"namespace": "default", "name": "cp", "uid": "uid-1"}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": status}


def decide(found: Any, *, in_place: bool = False) -> Any:
    stored = STORED if in_place else None
    return state_of_checkpoint("cp", found, node_name="host-a", in_place=stored)


@pytest.mark.parametrize(
    "found",
    [
        None,
        {"spec": {"nodeName": "host-a"}},
        {"spec": {"nodeName": "host-a"}, "status": {}},
        checkpoint(ready="Unknown"),
    ],
)
def test_what_is_not_ready_may_still_come(found: Any) -> None:
    assert isinstance(decide(found), NotYet)


def test_what_failed_never_comes_and_its_cause_is_named() -> None:
    found = checkpoint(ready="False")
    found["status"]["conditions"].append(condition("Stalled", "True"))
    found["status"]["diagnosis"] = {"cause": "NoSpace"}
    with pytest.raises(OperationFailed, match="NoSpace") as caught:
        decide(found)
    assert caught.value.cause is Cause.CHECKPOINT_FAILED


def test_an_archive_serves_every_host() -> None:
    for node in ("host-a", "host-b"):
        assert decide(checkpoint(node=node, archive=True)) == ArchivedState(URI, DIGEST, CLAIM)


def test_without_an_archive_the_state_is_on_the_host_of_the_checkpoint() -> None:
    state = decide(checkpoint())
    assert isinstance(state, LocalState)
    assert state.reference == "abc"
    assert state.taken is not None
    assert state.taken.end == datetime(2026, 3, 1, 12, 0, 9, tzinfo=UTC)


def test_without_an_archive_another_host_has_nothing() -> None:
    with pytest.raises(OperationFailed) as caught:
        decide(checkpoint(node="host-b"))
    assert caught.value.cause is Cause.CHECKPOINT_ON_OTHER_HOST
    assert "spec.nodeName: host-b" in caught.value.remedy


def test_what_is_left_in_place_is_preferred_to_its_archive() -> None:
    state = decide(checkpoint(archive=True), in_place=True)
    assert isinstance(state, LocalState)
    assert state.stored is STORED


def test_an_interval_never_ends_before_it_begins() -> None:
    found = checkpoint()
    found["status"]["completionTime"] = "2026-03-01T11:59:00Z"
    state = decide(found)
    assert state.taken.end == state.taken.start


@given(
    archive=st.booleans(),
    here=st.booleans(),
    in_place=st.booleans(),
    ready=st.sampled_from(["True", "False", "Unknown"]),
    stalled=st.booleans(),
)
def test_only_a_ready_checkpoint_gives_a_state_and_never_a_foreign_local_one(
    archive: bool, here: bool, in_place: bool, ready: str, stalled: bool
) -> None:
    found = checkpoint(node="host-a" if here else "host-b", archive=archive, ready=ready)
    if stalled:
        found["status"]["conditions"].append(condition("Stalled", "True"))
    try:
        state = decide(found, in_place=in_place and here)
    except OperationFailed:
        assert stalled or (ready == "True" and not archive and not here)
        return
    assert not stalled
    assert isinstance(state, NotYet) == (ready != "True")
    if isinstance(state, LocalState):
        assert here
