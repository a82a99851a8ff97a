"""Checks become a status or a failure; versions and sizes are read and written as people do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.decisions.preflight import (
    failed,
    listed,
    passed,
    require,
    size,
    version,
    warned,
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("6.18.44-amd64", (6, 18, 44)),
        ("6.12.43+deb13-amd64", (6, 12, 43)),
        ("5.8.0-dev", (5, 8, 0)),
        ("4.2", (4, 2)),
        ("4.2.rc1", (4, 2)),
        ("6.18-rc3.1", (6, 18)),
        ("", ()),
        ("unknown", ()),
        ("²", ()),
    ],
)
def test_the_leading_numbers_of_a_version_count(text: str, numbers: tuple[int, ...]) -> None:
    assert version(text) == numbers


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    st.sampled_from(["", "-rc1", "+ds1.2", "~beta", "-fc-v657", ".x"]),
)
def test_any_numbers_come_back_whatever_follows_them(numbers: list[int], suffix: str) -> None:
    assert version(".".join(map(str, numbers)) + suffix) == tuple(numbers)


@given(st.text(max_size=30))
def test_no_text_is_too_strange_for_a_version(text: str) -> None:
    assert all(number >= 0 for number in version(text))


def test_an_older_version_is_less_also_with_more_digits() -> None:
    assert version("5.10.0") > version("5.9.9")
    assert version("") < version("0.1")


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
