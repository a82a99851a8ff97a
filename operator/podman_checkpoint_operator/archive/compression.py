"""Streaming compression and decompression behind one small interface."""

from __future__ import annotations

import os
import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from ..api.common import Compression

if TYPE_CHECKING:
    from collections.abc import Iterator

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

ZSTD_LEVEL: Final = 1
GZIP_LEVEL: Final = 1
"""Memory pages dominate; higher levels cost far more time than they save space."""

_MAX_WORKERS: Final = 4
_GZIP_FORMAT: Final = zlib.MAX_WBITS | 16
_PIECE: Final = 1024 * 1024


class Compressor(Protocol):
    """Turns plain bytes into stored bytes."""

    def compress(self, data: bytes | memoryview) -> bytes:
        """Take plain bytes and return what is ready to be stored, maybe nothing."""
        ...

    def flush(self) -> bytes:
        """End the stream and return the rest."""
        ...


class CorruptStreamError(Exception):
    """The stored bytes are not what the compressor wrote."""


class Decompressor(Protocol):
    """Turns stored bytes into plain bytes."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take stored bytes and yield plain ones, in pieces of bounded size.

        Raises:
            CorruptStreamError: The bytes do not decompress.
        """
        ...

    @property
    def complete(self) -> bool:
        """Whether the stored bytes may end here."""
        ...


def compressor(kind: Compression) -> Compressor:
    """Return a new compressor; zstd uses several processors."""
    if kind is Compression.ZSTD:
        processors = len(os.sched_getaffinity(0))
        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: ZSTD_LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
            zstd.CompressionParameter.nb_workers: min(processors, _MAX_WORKERS),
        }
        return zstd.ZstdCompressor(options=options)
    if kind is Compression.GZIP:
        return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    return _Plain()


def detect(head: bytes) -> Compression:
    """Tell from a stream's first bytes how it is compressed."""
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return Compression.ZSTD
    if head.startswith(b"\x1f\x8b"):
        return Compression.GZIP
    return Compression.NONE


def decompressor(kind: Compression) -> Decompressor:
    """Return a new decompressor."""
    if kind is Compression.ZSTD:
        return _Zstd()
    if kind is Compression.GZIP:
        return _Gzip()
    return _Plain()


class _Plain:
    def compress(self, data: bytes | memoryview) -> bytes:
        return bytes(data)

    def flush(self) -> bytes:
        return b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    complete = True


class _Zstd:
    """Takes any number of frames in a row, as a stream may have been made in parts."""

    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor()
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not self._frame.needs_input:
            if self._frame.eof:
                self._frame = zstd.ZstdDecompressor()
                self._begun = False
            self._begun = self._begun or bool(data)
            try:
                plain = self._frame.decompress(data, max_length=_PIECE)
            except zstd.ZstdError as error:
                raise CorruptStreamError(str(error)) from error
            data = self._frame.unused_data if self._frame.eof else b""
            if plain:
                yield plain
            if self._frame.eof and not data:
                return

    @property
    def complete(self) -> bool:
        return self._frame.eof or not self._begun


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_FORMAT)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        full = False  # then zlib may hold back more, with no input left
        while data or full:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_FORMAT)
            self._begun = True
            try:
                plain = self._member.decompress(data, _PIECE)
            except zlib.error as error:
                raise CorruptStreamError(str(error)) from error
            data = self._member.unused_data or self._member.unconsumed_tail
            full = len(plain) == _PIECE and not self._member.eof
            if plain:
                yield plain

    @property
    def complete(self) -> bool:
        return self._member.eof or not self._begun
