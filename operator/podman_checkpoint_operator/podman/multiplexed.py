"""The output of a command as the service sends it: frames of both streams, one after the other."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

_HEADER: Final = struct.Struct(">B3xI")
"""The stream (1 standard output, 2 standard error), and how many bytes follow."""


def payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what was written to either stream, in the order of its arrival."""
    rest = b""
    left = 0
    for chunk in chunks:
        rest += chunk
        while rest:
            if not left:
                if len(rest) < _HEADER.size:
                    break
                _, left = _HEADER.unpack_from(rest)
                rest = rest[_HEADER.size :]
                continue
            part, rest = rest[:left], rest[left:]
            left -= len(part)
            yield part
