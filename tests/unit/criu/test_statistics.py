"""Decoding CRIU's statistics: right numbers from a good image, a clear refusal of any other.

One image was written by CRIU 4.2.1, the others are encoded here from ``images/stats.proto``.
"""

from __future__ import annotations

import base64
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.criu.statistics import (
    DumpStatistics,
    RestoreStatistics,
    decode_dump,
    decode_restore,
)


def varint(number: int) -> bytes:
    low = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return low + varint(number >> 7) if number > 0x7F else low


def image(which: int, *values: int, extra: bytes = b"") -> bytes:
    """``stats_entry`` with the fields 1, 2, ... of its dump (1) or restore (2) message."""
    fields = b"".join(varint(n << 3) + varint(value) for n, value in enumerate(values, 1)) + extra
    entry = varint(which << 3 | 2) + varint(len(fields)) + fields
    return struct.pack("<III", 0x55105940, 0x57093306, len(entry)) + entry


DUMP = image(1, 100591, 115356, 373, 82, 49, 0, 33)


def test_dump() -> None:
    assert decode_dump(DUMP) == DumpStatistics(
        freezing_time=100591,
        frozen_time=115356,
        memdump_time=373,
        memwrite_time=82,
        pages_scanned=49,
        pages_skipped_parent=0,
        pages_written=33,
    )


def test_image_of_criu_itself() -> None:
    real = "QFkQVQYzCVclAAAACiMI/QIQ/pwCGLlfIPANKIUGMAA4uQVAAEgAUAhYCGAAaABwAA=="
    assert decode_dump(base64.b64decode(real)) == DumpStatistics(
        freezing_time=381,
        frozen_time=36478,
        memdump_time=12217,
        memwrite_time=1776,
        pages_scanned=773,
        pages_skipped_parent=0,
        pages_written=697,
    )


def test_restore() -> None:
    assert decode_restore(image(2, 1, 2, 300, 70_000, 2**40)) == RestoreStatistics(
        pages_compared=1,
        pages_skipped_cow=2,
        forking_time=300,
        restore_time=70_000,
        pages_restored=2**40,
    )


def test_fields_of_newer_versions_are_passed_over() -> None:
    new = varint(20 << 3 | 2) + b"\x02ab" + varint(21 << 3 | 1) + bytes(8) + varint(22 << 3 | 5)
    assert decode_dump(image(1, 1, 2, 3, 4, 5, 6, 7, extra=new + bytes(4))).pages_written == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "shorter than its header"),
        (b"\0" * 12, "magic"),
        (DUMP[:-1], "truncated"),
        (image(1, extra=b"\x80"), "truncated"),
        (image(1, extra=b"\x0a\x05abc"), "truncated"),
        (image(1, extra=b"\x0b"), "wire type 3"),
        (image(2, 1, 2, 3, 4, 5), "other operation"),
    ],
)
def test_what_is_no_dump_statistics_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_dump(content)


@given(st.binary(max_size=200))
def test_damage_is_never_more_than_a_value_error(entry: bytes) -> None:
    header = struct.pack("<III", 0x55105940, 0x57093306, len(entry))
    with suppress(ValueError):
        decode_dump(header + entry)
