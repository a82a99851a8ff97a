"""Frames are taken apart however the connection has cut them."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.podman.multiplexed import payloads


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">B3xI", stream, len(data)) + data


@given(
    frames=st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=20)), max_size=8),
    cut=st.integers(1, 40),
)
def test_what_was_written_arrives_in_order(frames: list[tuple[int, bytes]], cut: int) -> None:
    raw = b"".join(frame(*each) for each in frames)
    chunks = [raw[start : start + cut] for start in range(0, len(raw), cut)]

    assert b"".join(payloads(chunks)) == b"".join(data for _, data in frames)


def test_what_has_come_of_a_frame_is_passed_on_at_once() -> None:
    received = payloads(iter([frame(1, b"slowly")[:-2], b"ly"]))

    assert next(received) == b"slow"
