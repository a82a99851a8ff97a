"""Decoding protobuf: fields of every kind by number, absent ones empty, and no damage unnoticed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.criu.protobuf import Message
from tests.unit.criu.encoder import message, varint


def test_fields_are_found_by_number() -> None:
    inner = message({1: "name", 2: 300})
    found = Message(message({1: 7, 2: b"\xff/x", 3: [inner, inner], 4: [1, 2], 5: inner}))
    assert found.integer(1) == 7
    assert found.raw(2) == b"\xff/x"
    assert found.text(2) == "\\xff/x"
    assert [each.integer(2) for each in found.messages(3)] == [300, 300]
    assert found.integers(4) == (1, 2)
    assert found.message(5).text(1) == "name"
    assert 5 in found
    assert 6 not in found


def test_what_is_missing_or_of_another_kind_is_empty() -> None:
    found = Message(message({1: 7, 2: "text"}))
    assert (found.integer(2), found.integer(9)) == (0, 0)
    assert (found.raw(1), found.text(9)) == (b"", "")
    assert found.message(9).integer(1) == 0
    assert not list(found.messages(9))


def test_a_packed_list_is_read_as_well() -> None:
    assert Message(message({1: varint(1) + varint(300)})).integers(1) == (1, 300)


def test_numbers_of_fixed_size_are_passed_over() -> None:
    fixed = varint(1 << 3 | 1) + bytes(8) + varint(2 << 3 | 5) + bytes(4) + varint(3 << 3) + b"\1"
    assert Message(fixed).integer(3) == 1


@pytest.mark.parametrize("damaged", [b"\x0a\x05ab", b"\x08\xff", b"\x0b", b"\xff" * 11, b"\x0d\0"])
def test_damage_is_an_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"truncated|wire type"):
        Message(damaged)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(ValueError):
        found = Message(data)
        found.integers(1)
        list(found.messages(1))


@given(st.dictionaries(st.integers(1, 3000), st.integers(0, 2**64 - 1)))
def test_all_integers_come_back(fields: dict[int, int]) -> None:
    found = Message(message(fields))
    assert {number: found.integer(number) for number in fields} == fields
