"""How high the ghost limit must be, when nothing is changed, and when to give up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.checkpoint import GhostLimit, GhostLimitPolicy
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import OpenFile
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.ghost import (
    MAX_REFUSALS,
    Need,
    Refusal,
    after_refusal,
    check,
    need,
    with_headroom,
)

MIB = 1024 * 1024
AUTO = GhostLimit()
FIXED = GhostLimit(policy=GhostLimitPolicy.FIXED, limit="4Mi")
DISABLED = GhostLimit(policy=GhostLimitPolicy.DISABLED)
SQL = OpenFile("/var/opt/mssql/.system/profiles/Temp/ghost", 20_975_616)


def refused(size: int, limit: int) -> Refusal:
    return Refusal(path="/ghost", size_bytes=size, limit_bytes=limit)


class TestNeed:
    def test_auto_without_ghost_files_changes_nothing(self) -> None:
        assert need(AUTO, ()) == Need(limit_bytes=None)

    def test_auto_sets_the_largest_file_with_headroom(self) -> None:
        found = need(AUTO, (OpenFile("/small", 1), SQL))
        assert found == Need(limit_bytes=64 * MIB, predicted_bytes=SQL.size_bytes)

    def test_auto_never_goes_beyond_max(self) -> None:
        assert need(GhostLimit(max="30Mi"), (SQL,)).limit_bytes == 30 * MIB

    def test_auto_changes_nothing_where_max_does_not_help(self) -> None:
        found = need(GhostLimit(max="4Mi"), (SQL,))
        assert found == Need(limit_bytes=None, predicted_bytes=SQL.size_bytes)

    def test_auto_takes_the_limit_as_the_least(self) -> None:
        assert need(GhostLimit(limit="40Mi"), ()).limit_bytes == 40 * MIB
        assert need(GhostLimit(limit="40Mi"), (SQL,)).limit_bytes == 64 * MIB
        assert need(GhostLimit(limit="100Mi"), (SQL,)).limit_bytes == 100 * MIB

    def test_fixed_is_exactly_the_limit(self) -> None:
        assert need(FIXED, (SQL,)) == Need(
            limit_bytes=4 * MIB, exact=True, predicted_bytes=SQL.size_bytes
        )

    def test_disabled_changes_nothing(self) -> None:
        assert need(DISABLED, (SQL,)).limit_bytes is None


class TestCheck:
    @pytest.mark.parametrize("spec", [AUTO, FIXED, DISABLED])
    def test_a_limit_of_exactly_the_size_is_enough(self, spec: GhostLimit) -> None:
        check(spec, (SQL,), SQL.size_bytes)
        check(spec, (), 0)

    @pytest.mark.parametrize(
        ("spec", "field"),
        [
            (GhostLimit(max="4Mi"), "spec.ghostLimit.max: 64Mi"),
            (FIXED, "spec.ghostLimit.limit: 20975616"),
            (DISABLED, "spec.ghostLimit.policy: Auto"),
        ],
    )
    def test_refuses_a_larger_file_and_names_the_field(self, spec: GhostLimit, field: str) -> None:
        with pytest.raises(OperationFailed) as failure:
            check(spec, (OpenFile("/small", 1), SQL), 4 * MIB)
        assert failure.value.cause is Cause.GHOST_FILE_TOO_LARGE
        assert f"{SQL.path} " in failure.value.evidence
        assert "20975616 bytes; the ghost limit is 4194304 bytes" in failure.value.evidence
        assert field in failure.value.remedy


class TestAfterRefusal:
    def test_auto_raises_the_limit_with_headroom(self) -> None:
        found = after_refusal(AUTO, [refused(3 * MIB, MIB)], predicted_bytes=0)
        assert found == Need(limit_bytes=8 * MIB)

    def test_auto_does_not_forget_larger_files(self) -> None:
        found = after_refusal(AUTO, [refused(3 * MIB, MIB)], predicted_bytes=20 * MIB)
        assert found == Need(limit_bytes=64 * MIB, predicted_bytes=20 * MIB)

    def test_auto_goes_to_max_and_no_further(self) -> None:
        small = GhostLimit(max="4Mi")
        assert after_refusal(small, [refused(3 * MIB, MIB)], predicted_bytes=0).limit_bytes == (
            4 * MIB
        )
        with pytest.raises(OperationFailed, match=r"/ghost .* 5242880 bytes") as failure:
            after_refusal(
                small, [refused(3 * MIB, MIB), refused(5 * MIB, 4 * MIB)], predicted_bytes=0
            )
        assert failure.value.cause is Cause.GHOST_FILE_TOO_LARGE
        assert "spec.ghostLimit.max" in failure.value.remedy

    @pytest.mark.parametrize("spec", [FIXED, DISABLED])
    def test_others_give_up(self, spec: GhostLimit) -> None:
        with pytest.raises(OperationFailed) as failure:
            after_refusal(spec, [refused(5 * MIB, 4 * MIB)], predicted_bytes=0)
        assert failure.value.cause is Cause.GHOST_FILE_TOO_LARGE

    def test_the_number_of_attempts_is_bounded(self) -> None:
        growing = [refused(3 * MIB << number, 2 * MIB << number) for number in range(MAX_REFUSALS)]
        assert after_refusal(AUTO, growing[:-1], predicted_bytes=0).limit_bytes == 64 * MIB
        with pytest.raises(OperationFailed):
            after_refusal(AUTO, growing, predicted_bytes=0)

    def test_a_limit_that_criu_did_not_read_is_not_raised_again(self) -> None:
        with pytest.raises(OperationFailed, match="3145728") as failure:
            after_refusal(AUTO, [refused(3 * MIB, 8 * MIB)], predicted_bytes=0)
        assert failure.value.cause is Cause.CRIU_CONFIG_INVALID
        assert "org.criu.config" in failure.value.remedy


@given(st.integers(1, 2**62), st.integers(1, 2**62))
def test_headroom_is_a_power_of_two_of_at_least_twice_the_size(size: int, most: int) -> None:
    limit = with_headroom(size, most)
    assert limit == most or (2 * size <= limit < 4 * size and limit.bit_count() == 1)
    assert limit <= most


@given(st.lists(st.integers(1, 2 * 2**30)), st.integers(1, 2**30))
def test_a_limit_that_is_set_lets_every_predicted_file_through(sizes: list[int], most: int) -> None:
    spec = GhostLimit(max=most)
    files = [OpenFile(f"/{number}", size) for number, size in enumerate(sizes)]
    found = need(spec, files)
    if found.limit_bytes is not None:
        check(spec, files, found.limit_bytes)
        assert found.limit_bytes <= most
