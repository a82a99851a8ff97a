"""What an interrupted checkpoint does next, and when a stored state is of this dump, or stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.decisions.facts import Container, State, StoredCheckpoint
from podman_checkpoint_operator.decisions.recovery import (
    Begun,
    Next,
    after_dump,
    began,
    is_of,
    is_stale,
    was_saved_as,
)
from tests.unit.samples import CONTAINER, STARTED

DUMP = STARTED + timedelta(hours=1)
SECOND = timedelta(seconds=1)
STOPPED = replace(CONTAINER, state=State.EXITED, finished_at=DUMP + 2 * SECOND)
COMPLETE = StoredCheckpoint(complete=True, taken_at=DUMP + SECOND)

STOPPING = Begun(
    at=DUMP,
    same_boot=True,
    leave_running=False,
    captured=False,
    stored=False,
    started_at=STARTED,
)
LIVE = replace(STOPPING, leave_running=True)


class TestLive:
    def test_begins_again_when_the_container_runs(self) -> None:
        assert after_dump(LIVE, CONTAINER, COMPLETE) is Next.START_OVER

    def test_goes_on_with_what_was_captured(self) -> None:
        assert after_dump(replace(LIVE, captured=True), CONTAINER, None) is Next.CONTINUE

    def test_goes_on_with_what_was_captured_of_a_container_that_has_ended_since(self) -> None:
        assert after_dump(replace(LIVE, captured=True), STOPPED, None) is Next.CONTINUE

    def test_trusts_no_capture_from_before_a_boot(self) -> None:
        begun = replace(LIVE, captured=True, same_boot=False)
        assert after_dump(begun, CONTAINER, None) is Next.START_OVER
        assert after_dump(begun, STOPPED, None) is Next.LOST

    def test_goes_on_with_a_stored_archive_even_after_a_boot(self) -> None:
        begun = replace(LIVE, captured=True, stored=True, same_boot=False)
        assert after_dump(begun, STOPPED, None) is Next.CONTINUE

    def test_is_lost_with_its_container(self) -> None:
        assert after_dump(LIVE, STOPPED, COMPLETE) is Next.LOST
        assert after_dump(LIVE, None, None) is Next.LOST


class TestStopping:
    def test_begins_again_when_the_container_runs_as_before(self) -> None:
        assert after_dump(STOPPING, CONTAINER, None) is Next.START_OVER

    def test_goes_on_with_a_complete_state(self) -> None:
        assert after_dump(STOPPING, STOPPED, COMPLETE) is Next.CONTINUE

    @pytest.mark.parametrize(
        "stored",
        [
            None,
            replace(COMPLETE, complete=False),
            replace(COMPLETE, taken_at=DUMP - 2 * SECOND),
        ],
    )
    def test_is_lost_without_a_complete_state_of_this_dump(
        self, stored: StoredCheckpoint | None
    ) -> None:
        assert after_dump(STOPPING, STOPPED, stored) is Next.LOST

    @pytest.mark.parametrize("state", [State.RUNNING, State.EXITED])
    def test_leaves_a_container_alone_that_was_started_afresh(self, state: State) -> None:
        afresh = replace(CONTAINER, state=state, started_at=DUMP + 10 * SECOND)
        assert after_dump(STOPPING, afresh, COMPLETE) is Next.CHANGED

    def test_is_lost_when_the_container_was_removed(self) -> None:
        assert after_dump(STOPPING, None, None) is Next.LOST


@given(
    begun=st.builds(
        Begun,
        at=st.just(DUMP),
        same_boot=st.booleans(),
        leave_running=st.booleans(),
        captured=st.booleans(),
        stored=st.booleans(),
        started_at=st.just(STARTED),
    ),
    container=st.sampled_from([None, CONTAINER, STOPPED]),
    stored=st.sampled_from([None, COMPLETE, replace(COMPLETE, complete=False)]),
)
def test_begins_again_only_with_a_container_that_runs(
    begun: Begun, container: Container | None, stored: StoredCheckpoint | None
) -> None:
    """Another dump of one that does not run would clear the last copy away."""
    if after_dump(begun, container, stored) is Next.START_OVER:
        assert container is CONTAINER


class TestIsOf:
    def test_takes_a_state_that_is_newer_than_the_begin(self) -> None:
        assert is_of(COMPLETE, DUMP)

    def test_allows_for_the_file_systems_coarser_clock(self) -> None:
        assert is_of(replace(COMPLETE, taken_at=DUMP - SECOND / 2), DUMP)

    def test_refuses_an_older_or_incomplete_one(self) -> None:
        assert not is_of(replace(COMPLETE, taken_at=DUMP - 2 * SECOND), DUMP)
        assert not is_of(replace(COMPLETE, complete=False), DUMP)


class TestIsStale:
    def test_is_fresh_when_the_container_ended_with_it(self) -> None:
        assert not is_stale(COMPLETE, STOPPED)

    def test_is_stale_when_the_container_was_started_since(self) -> None:
        assert is_stale(COMPLETE, replace(STOPPED, started_at=COMPLETE.taken_at + SECOND))

    def test_a_clock_that_was_put_back_makes_no_later_start(self) -> None:
        ahead = replace(STOPPED, started_at=COMPLETE.taken_at + timedelta(hours=1))
        noted = {"startedAt": ahead.started_at.isoformat()}
        assert not is_stale(replace(COMPLETE, origin=noted), ahead)
        assert is_stale(replace(COMPLETE, origin={"startedAt": STARTED.isoformat()}), ahead)

    def test_is_stale_when_the_container_ended_long_after(self) -> None:
        ended = COMPLETE.taken_at + timedelta(minutes=1)
        assert is_stale(COMPLETE, replace(STOPPED, finished_at=ended))


class TestWasSavedAs:
    NOTED = replace(
        COMPLETE, origin={"namespace": "n", "name": "run", "startedAt": STARTED.isoformat()}
    )

    def test_takes_the_last_state_by_the_name_of_its_resource(self) -> None:
        assert was_saved_as("n", "run", self.NOTED, STOPPED)

    @pytest.mark.parametrize("resource", [("n", "other"), ("other", "run")])
    def test_refuses_that_of_another_resource(self, resource: tuple[str, str]) -> None:
        assert not was_saved_as(*resource, self.NOTED, STOPPED)

    @pytest.mark.parametrize(
        ("stored", "container"),
        [
            (replace(NOTED, complete=False), STOPPED),
            (replace(NOTED, left_running=True), STOPPED),
            (NOTED, replace(STOPPED, started_at=STARTED + SECOND)),
            (NOTED, replace(STOPPED, finished_at=COMPLETE.taken_at + timedelta(minutes=1))),
            (NOTED, CONTAINER),
        ],
        ids=["incomplete", "ran on", "started since", "ended later", "runs"],
    )
    def test_refuses_what_is_not_its_last(
        self, stored: StoredCheckpoint, container: Container
    ) -> None:
        assert not was_saved_as("n", "run", stored, container)


def test_reads_the_journals_seconds_as_a_time_in_utc() -> None:
    assert began(DUMP.timestamp()) == DUMP
    assert isinstance(began(0), datetime)
    assert began(0).utcoffset() == timedelta(0)


def test_without_a_log_podman_knows_until_the_next_boot_whether_the_dump_stopped_it() -> None:
    """A dump by hand that left the container running, and a stop right after it."""
    stored = replace(COMPLETE, since_boot=True)
    assert is_stale(stored, STOPPED)
    assert not is_stale(stored, replace(STOPPED, checkpointed=True))
    assert not is_stale(replace(stored, since_boot=False), STOPPED)
    # Podman that was killed in a dump does not know of it, and has left the log.
    assert not is_stale(replace(stored, logged=True), STOPPED)
