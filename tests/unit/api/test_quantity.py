"""Quantities become exact whole bytes, as ``resource.Quantity`` counts them.

Not here: that the API server admits the same strings; see tests/e2e/test_api.py.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.quantity import MAX_BYTES, format_quantity, parse_quantity

FACTORS: dict[str, int | Fraction] = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "e3": 10**3,
    "E+2": 100,
    "e-2": Fraction(1, 100),
}


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (1048576, 1048576),
        ("1048576", 1048576),
        ("40M", 40_000_000),
        ("1Gi", 1_073_741_824),
        ("1.1G", 1_100_000_000),
        (".5Ki", 512),
        ("5.", 5),
        ("4e7", 40_000_000),
        ("2E", 2 * 10**18),
        ("1500m", 2),
        ("1n", 1),
        ("9223372036854775807", MAX_BYTES),
    ],
)
def test_sizes(written: str | int, size: int) -> None:
    assert parse_quantity(written) == size


@given(
    whole=st.integers(0, 4000),
    decimals=st.text("0123456789", max_size=12),
    suffix=st.sampled_from(sorted(FACTORS)),
)
def test_arithmetic_is_exact_and_rounds_up(whole: int, decimals: str, suffix: str) -> None:
    size = parse_quantity(f"{whole}.{decimals}{suffix}")

    exact = Fraction(f"{whole}.{decimals}0") * FACTORS[suffix]
    assert 0 <= size - exact < 1


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "M",
        "40MB",
        "40 M",
        "40K",
        "40mi",
        "-1",
        "+1",
        "1e",
        "1e1.5",
        "0x10",
        "\u0661",
        "40M\n",
    ],
)
def test_what_is_no_size_says_what_to_write(written: str) -> None:
    with pytest.raises(ValueError, match="is not a size: write a number of bytes"):
        parse_quantity(written)


@pytest.mark.parametrize("written", ["1e99", "8Ei", 2**63, "9" * 60])
def test_too_large_for_the_kernel(written: str | int) -> None:
    with pytest.raises(ValueError, match="too large"):
        parse_quantity(written)


@pytest.mark.parametrize("written", [-1, True, 1.5, None, b"40M"])
def test_other_types_are_refused(written: int) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_quantity(written)


@given(st.text(max_size=20))
def test_any_text_is_a_size_or_a_clear_error(text: str) -> None:
    try:
        size = parse_quantity(text)
    except ValueError as error:
        assert repr(text) in str(error)  # noqa: PT017 - an error is one of two good outcomes
    else:
        assert 0 <= size <= MAX_BYTES


@given(st.integers(min_value=0, max_value=MAX_BYTES))
def test_a_formatted_size_is_read_as_the_same(size: int) -> None:
    assert parse_quantity(format_quantity(size)) == size


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0"), (1000, "1000"), (64 << 20, "64Mi"), (3 << 30, "3Gi")]
)
def test_a_size_is_formatted_as_briefly_as_is_exact(size: int, text: str) -> None:
    assert format_quantity(size) == text
