"""Each trap of a restore is found before the target is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.archive_preflight import (
    Claim,
    Origin,
    Saved,
    archive_checks,
    origin_check,
    stored_checks,
)
from podman_checkpoint_operator.decisions.capabilities import Work
from podman_checkpoint_operator.decisions.facts import State, StoredCheckpoint, Target
from podman_checkpoint_operator.decisions.preflight import Check
from podman_checkpoint_operator.decisions.restore_preflight import (
    Interval,
    conflict_checks,
    connection_checks,
    file_lock_checks,
    local_checks,
    option_checks,
    target_checks,
)
from tests.unit.samples import CONTAINER, CONTAINER_ID, HOST, IMAGE_ID, STARTED

SAVED = Saved(
    container_name="db",
    container_id=CONTAINER_ID,
    image_name="localhost/lab/busybox:1",
    image_id=IMAGE_ID,
    runtime="runc",
    architecture="amd64",
)
TAKEN = STARTED + timedelta(hours=1)
STOPPED = replace(CONTAINER, state=State.EXITED, finished_at=TAKEN + timedelta(seconds=1))
STORED = StoredCheckpoint(complete=True, taken_at=TAKEN)


def causes(checks: Iterable[Check]) -> list[Cause]:
    return [check.cause for check in checks if check.result == "Fail"]


@pytest.mark.parametrize(
    ("saved", "wanted", "refused"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_saved_file_locks_need_their_option(saved: bool, wanted: bool, refused: bool) -> None:
    expected = [Cause.FILE_LOCKS] if refused else []
    assert causes(file_lock_checks(saved=saved, wanted=wanted)) == expected


@pytest.mark.parametrize(
    ("saved", "wanted", "refused"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_saved_connections_need_their_option(saved: bool, wanted: bool, refused: bool) -> None:
    expected = [Cause.TCP_ESTABLISHED] if refused else []
    assert causes(connection_checks(saved=saved, wanted=wanted)) == expected


def test_nothing_stands_in_the_way_of_the_same_container_elsewhere() -> None:
    checks = [
        *option_checks(HOST, tcp_close=False, runtime="runc", work=Work),
        *archive_checks(SAVED, HOST),
        *target_checks(SAVED, Target(), ignore_volumes=False),
        *conflict_checks(Target(), name="db"),
    ]
    assert {check.result for check in checks} == {"Pass"}


@pytest.mark.parametrize(
    ("podman", "runtime", "crun", "evidence"),
    [
        ("5.6.9", "crun", "crun version 1.28\ncommit: x", "Podman 5.6.9"),
        ("5.7.0", "runc", "", "runtime is runc"),
        ("5.7.0", "/usr/bin/crun", "crun version 1.21\ncommit: x", "crun version 1.21"),
        ("5.7.0", "crun", "crun version 1.23\ncommit: x", None),
        ("6.0", "crun", "", None),
    ],
)
def test_connections_are_closed_by_podman_5_7_with_crun_only(
    podman: str, runtime: str, crun: str, evidence: str | None
) -> None:
    host = replace(HOST, podman_version=podman)
    if crun:
        host = replace(host, runtime="crun", runtime_version=crun)
    refusals = [
        check
        for check in option_checks(host, tcp_close=True, runtime=runtime, work=Work)
        if check.result == "Fail"
    ]
    assert [check.cause for check in refusals] == [Cause.UNSUPPORTED_OPTION] * bool(evidence)
    assert all(str(evidence) in check.explanation for check in refusals)
    assert not causes(option_checks(host, tcp_close=False, runtime=runtime, work=Work))


def test_a_host_without_criu_restores_nothing() -> None:
    host = replace(HOST, criu_version="")
    assert causes(option_checks(host, tcp_close=False, runtime="runc", work=Work)) == [
        Cause.RUNTIME_WITHOUT_CRIU
    ]


@pytest.mark.parametrize(
    ("container", "stored", "cause"),
    [
        (CONTAINER, STORED, Cause.CONTAINER_RUNNING),
        (replace(STOPPED, state=State.PAUSED), STORED, Cause.CONTAINER_RUNNING),
        (STOPPED, None, Cause.CHECKPOINT_MISSING),
        (STOPPED, replace(STORED, complete=False), Cause.CHECKPOINT_MISSING),
        (
            replace(STOPPED, started_at=TAKEN + timedelta(minutes=1)),
            STORED,
            Cause.CHECKPOINT_STALE,
        ),
        (
            replace(STOPPED, finished_at=TAKEN + timedelta(minutes=1)),
            STORED,
            Cause.CHECKPOINT_STALE,
        ),
    ],
)
def test_states_on_the_host_that_must_not_be_restored(
    container: Any, stored: StoredCheckpoint | None, cause: Cause
) -> None:
    assert causes(local_checks(container, stored, None)) == [cause]


@pytest.mark.parametrize(
    ("start", "end", "ours"),
    [(-10, 10, True), (0, 0, True), (1, 2, True), (3, 9, False), (-9, -3, False)],
)
def test_the_state_must_be_of_the_checkpoint_that_is_asked_for(
    start: int, end: int, ours: bool
) -> None:
    taken = Interval(TAKEN + timedelta(seconds=start), TAKEN + timedelta(seconds=end))
    expected = [] if ours else [Cause.CHECKPOINT_STALE]
    assert causes(local_checks(STOPPED, STORED, taken)) == expected


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"architecture": "arm64"}, Cause.ARCHITECTURE_MISMATCH),
        ({"runtime": "crun"}, Cause.RUNTIME_MISMATCH),
    ],
)
def test_archives_that_this_host_cannot_run(changes: dict[str, Any], cause: Cause) -> None:
    assert causes(archive_checks(replace(SAVED, **changes), HOST)) == [cause]


def test_an_archive_that_does_not_tell_is_not_refused_for_that() -> None:
    silent = replace(SAVED, architecture="", runtime="")
    assert not causes(archive_checks(silent, HOST))


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (Target(image_present=False), Cause.IMAGE_MISSING),
        (Target(image_tag_matches=False), Cause.IMAGE_MISSING),
        (Target(missing_networks=("web",)), Cause.NETWORK_MISSING),
        (Target(existing_volumes=("data",)), Cause.VOLUME_IN_USE),
        (Target(missing_mount_sources=(Path("/srv"),)), Cause.MOUNT_SOURCE_MISSING),
        (Target(symlinked_mount_sources=(Path("/srv"),)), Cause.SYMLINKED_MOUNT_SOURCE),
        (Target(busy_ports=("*:80/tcp",)), Cause.PORT_IN_USE),
    ],
)
def test_targets_that_lack_or_hold_something(target: Target, cause: Cause) -> None:
    assert causes(target_checks(SAVED, target, ignore_volumes=False)) == [cause]


def test_existing_volumes_can_be_used_as_they_are() -> None:
    assert not causes(target_checks(SAVED, Target(existing_volumes=("data",)), ignore_volumes=True))


def test_a_wrong_tag_is_cured_by_the_command_in_the_remedy() -> None:
    (check,) = (
        each
        for each in target_checks(SAVED, Target(image_tag_matches=False), ignore_volumes=False)
        if each.result == "Fail"
    )
    assert check.remedy == "podman tag adb0a1aaf99c localhost/lab/busybox:1"


def test_name_and_id_must_be_free() -> None:
    other = replace(CONTAINER, id="f" * 64)
    assert causes(conflict_checks(Target(container_by_name=other), name="db")) == [
        Cause.NAME_IN_USE
    ]
    # The container itself has both; one failure, with the remedy that fits it, is enough.
    itself = Target(container_by_name=CONTAINER, container_by_id=CONTAINER)
    assert causes(conflict_checks(itself, name="db")) == [Cause.ID_IN_USE]


MADE = Origin(
    namespace="team-a",
    name="saved",
    uid="uid-1",
    criu_version="4.1",
    cpu_features=frozenset({"avx", "avx2", "sse4_2"}),
)
OURS = replace(SAVED, origin=MADE)
CLAIMED = Claim("team-a", "saved", "uid-1", CONTAINER_ID)


def test_an_archive_is_of_its_checkpoint() -> None:
    check = origin_check(OURS, CLAIMED)
    assert check.result == "Pass"
    assert "team-a/saved" in check.message
    assert origin_check(OURS, Claim("team-a")).result == "Pass"


@pytest.mark.parametrize(
    ("saved", "claim"),
    [
        (replace(OURS, origin=replace(MADE, uid="uid-2")), CLAIMED),
        (replace(OURS, container_id="f" * 64), CLAIMED),
        (replace(OURS, origin=Origin()), CLAIMED),
        (OURS, replace(CLAIMED, uid="uid-2")),
    ],
    ids=["other checkpoint", "other container", "made by Podman", "checkpoint made anew"],
)
def test_another_archive_in_its_place_is_refused(saved: Saved, claim: Claim) -> None:
    check = origin_check(saved, claim)
    assert (check.result, check.cause) == ("Fail", Cause.ARCHIVE_SWAPPED)


def test_an_archive_of_another_namespace_is_refused_one_of_podmans_own_is_of_none() -> None:
    check = origin_check(OURS, Claim("team-b"))
    assert (check.result, check.cause) == ("Fail", Cause.ARCHIVE_OF_OTHER_NAMESPACE)
    assert "namespace team-a" in check.remedy
    podmans = origin_check(SAVED, Claim("team-b"))
    assert podmans.result == "Pass"
    assert "Podman itself" in podmans.message


@pytest.mark.parametrize(
    ("features", "missing"),
    [
        ({"avx", "avx2", "sse4_2", "avx512f"}, ""),
        ({"avx", "sse4_2"}, "avx2"),
        (set(), ""),
    ],
)
def test_the_cpu_must_have_what_programs_may_have_found(features: set[str], missing: str) -> None:
    host = replace(HOST, cpu_features=frozenset(features))
    (check,) = (each for each in archive_checks(OURS, host) if each.name == "CPU")
    assert check.result == ("Fail" if missing else "Pass")
    assert check.cause is (Cause.CPU_MISMATCH if missing else Cause.UNKNOWN)
    assert missing in check.message


@pytest.mark.parametrize(
    ("here", "result"), [("4.0", "Warn"), ("4.1.1", None), ("4.2", None), ("5.0", None)]
)
def test_an_older_criu_may_not_read_it(here: str, result: str | None) -> None:
    host = replace(HOST, criu_version=here)
    found = [check.result for check in archive_checks(OURS, host) if check.name == "CRIU"]
    assert found == ([result] if result else [])


NOTED = {
    "startedAt": STOPPED.started_at.isoformat(),
    "criuVersion": "4.1",
    "cpuFeatures": "avx avx2 sse4_2",
}


@pytest.mark.parametrize(
    ("noted", "cpu", "criu"),
    [
        (NOTED, "Fail", ["Warn"]),
        # The container was started again since, and then checkpointed by hand.
        (NOTED | {"startedAt": TAKEN.isoformat()}, "Pass", []),
        ({}, "Pass", []),
        (NOTED | {"cpuFeatures": "avx"}, "Pass", ["Warn"]),
    ],
)
def test_a_host_that_was_booted_must_still_run_what_was_left_on_it(
    noted: dict[str, str], cpu: str, criu: list[str]
) -> None:
    host = replace(HOST, cpu_features=frozenset({"avx", "sse4_2"}), criu_version="4.0")
    found = {
        check.name: check for check in stored_checks(STOPPED, replace(STORED, origin=noted), host)
    }
    assert found["CPU"].result == cpu
    assert [check.result for name, check in found.items() if name == "CRIU"] == criu
    if cpu == "Fail":
        assert found["CPU"].cause is Cause.CPU_MISMATCH
        assert "avx2" in found["CPU"].message
        assert "Give the host the CPU back" in found["CPU"].remedy


def test_what_an_archive_notes_is_read_back_and_may_be_missing() -> None:
    noted = {
        "namespace": "team-a",
        "name": "saved",
        "uid": "uid-1",
        "criuVersion": "4.1",
        "cpuFeatures": "avx avx2 sse4_2",
        "nodeName": "host-a",
    }
    assert Origin.read(noted) == MADE
    assert Origin.read({}) == Origin()
