"""Checks become a status or a failure; versions and sizes are read and written as people do."""

from __future__ import annotations

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.preflight import (
    failed,
    listed,
    passed,
    require,
    size,
    warned,
)


def test_the_first_failed_check_is_the_failure() -> None:
    checks = [
        passed("One", "fine"),
        warned("Two", "odd", "Look at it"),
        failed("Three", "no room", Cause.NO_SPACE, "Free some"),
        failed("Four", "no memory", Cause.NO_MEMORY, "Add some"),
    ]
    with pytest.raises(OperationFailed, match="no room") as caught:
        require(checks)
    assert (caught.value.cause, caught.value.remedy) == (Cause.NO_SPACE, "Free some")


def test_warnings_do_not_stop() -> None:
    require([warned("Two", "odd", "Look at it")])


def test_a_check_in_status_says_what_and_what_to_do() -> None:
    assert failed("Disk", "no room", Cause.NO_SPACE, "Free some").as_status() == {
        "check": "Disk",
        "result": "Fail",
        "message": "no room. Free some.",
    }
    assert passed("Disk", "room enough").as_status()["message"] == "room enough"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (20975616, "20.0 MiB"),
        (5 << 30, "5.0 GiB"),
        (3 << 50, "3072.0 TiB"),
    ],
)
def test_sizes_are_in_binary_units(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("items", "text"),
    [((), ""), (("a", "b", "c"), "a, b, c"), (("a", "b", "c", "d", "e"), "a, b, c and 2 more")],
)
def test_a_long_list_ends_in_a_number(items: tuple[str, ...], text: str) -> None:
    assert listed(items) == text
