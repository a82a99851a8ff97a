"""Streams decompress to what was compressed, however they are cut, in pieces of bounded size."""

from __future__ import annotations

import gzip
import os

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.archive.compression import (
    CorruptStreamError,
    compressor,
    decompressor,
    detect,
)

PIECE = 1024 * 1024
ZEROS = bytes(20 * PIECE)


def decompress(kind: Compression, stored: bytes, step: int = 1 << 16) -> bytes:
    stream = decompressor(kind)
    plain = bytearray()
    for start in range(0, len(stored), step):
        for piece in stream.feed(stored[start : start + step]):
            if kind is not Compression.NONE:
                assert len(piece) <= PIECE
            plain += piece
    assert stream.complete
    return bytes(plain)


@given(
    st.sampled_from(Compression),
    st.lists(st.binary(max_size=3000) | st.integers(0, 3), max_size=4),
    st.integers(1, 5000),
)
def test_round_trip(kind: Compression, contents: list[bytes | int], step: int) -> None:
    # A number stands for as many pieces of zeros.
    chunks = [bytes(PIECE * each) if isinstance(each, int) else each for each in contents]
    stream = compressor(kind)
    stored = b"".join(stream.compress(chunk) for chunk in chunks) + stream.flush()
    plain = b"".join(chunks)
    assert decompress(kind, stored, max(step, len(stored) // 1000)) == plain
    if plain:
        assert detect(stored) is kind or kind is Compression.NONE


def test_zstd_frames_and_gzip_members_in_a_row() -> None:
    assert decompress(Compression.ZSTD, zstd.compress(b"a") + zstd.compress(b"b")) == b"ab"
    assert decompress(Compression.GZIP, gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"


@pytest.mark.parametrize("kind", [Compression.ZSTD, Compression.GZIP])
def test_what_expands_a_lot_comes_in_pieces_and_whole(kind: Compression) -> None:
    stream = compressor(kind)
    stored = stream.compress(ZEROS) + stream.flush()
    assert decompress(kind, stored, len(stored)) == ZEROS


@pytest.mark.parametrize("kind", [Compression.ZSTD, Compression.GZIP])
def test_cut_streams_are_not_complete(kind: Compression) -> None:
    stream = compressor(kind)
    stored = stream.compress(os.urandom(100_000)) + stream.flush()
    reader = decompressor(kind)
    list(reader.feed(stored[:-1]))
    assert not reader.complete


@pytest.mark.parametrize("kind", [Compression.ZSTD, Compression.GZIP])
def test_garbage_is_corrupt(kind: Compression) -> None:
    with pytest.raises(CorruptStreamError):
        list(decompressor(kind).feed(b"garbage" * 100))


def test_zstd_carries_a_checksum_of_the_content() -> None:
    stream = compressor(Compression.ZSTD)
    stored = bytearray(stream.compress(os.urandom(1000)) + stream.flush())
    stored[500] ^= 1
    with pytest.raises(CorruptStreamError, match="checksum"):
        list(decompressor(Compression.ZSTD).feed(bytes(stored)))
