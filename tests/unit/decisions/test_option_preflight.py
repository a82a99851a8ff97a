"""Options that would be ignored, or would lose content, are refused or warned of."""

from __future__ import annotations

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.option_preflight import (
    in_place_checks,
    pre_copy_checks,
    volume_checks,
)


@pytest.mark.parametrize(
    ("wanted", "tracked", "results"),
    [(False, False, []), (True, True, ["Pass"]), (True, False, ["Fail"])],
)
def test_memory_is_copied_beforehand_only_where_its_changes_are_seen(
    wanted: bool, tracked: bool, results: list[str]
) -> None:
    checks = list(pre_copy_checks(wanted=wanted, tracked=tracked, kernel_version="6.12"))
    assert [check.result for check in checks] == results
    assert all(check.cause is Cause.PRE_COPY_UNSUPPORTED for check in checks if not tracked)


def test_a_restore_in_place_is_refused_what_only_an_archive_can_do() -> None:
    assert not list(in_place_checks([]))
    (check,) = in_place_checks(["spec.publishPorts"])
    assert (check.result, check.cause) == ("Fail", Cause.UNSUPPORTED_OPTION)
    assert "spec.publishPorts" in check.message


def test_volumes_come_from_the_archive_or_from_the_host() -> None:
    def results(*, unsaved: list[str], existing: list[str], ignore: bool) -> list[str]:
        checks = volume_checks(
            volumes=["data"], unsaved=unsaved, existing=existing, ignore_volumes=ignore
        )
        return [check.result for check in checks]

    assert results(unsaved=[], existing=[], ignore=False) == []
    assert results(unsaved=["data"], existing=[], ignore=False) == ["Fail"]
    assert results(unsaved=["data"], existing=["data"], ignore=True) == []
    assert results(unsaved=[], existing=[], ignore=True) == ["Warn"]
