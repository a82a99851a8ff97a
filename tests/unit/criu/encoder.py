"""Makes protobuf messages and images like CRIU's."""

from __future__ import annotations

import struct
from collections.abc import Mapping

Value = int | bytes | str | list[int] | list[bytes]

COMMON = 0x54564319


def varint(number: int) -> bytes:
    low = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return low + varint(number >> 7) if number > 0x7F else low


def message(fields: Mapping[int, Value]) -> bytes:
    """Encode fields by number: integers, bytes, text, and lists of them."""
    return b"".join(
        _field(number, each)
        for number, value in fields.items()
        for each in (value if isinstance(value, list) else [value])
    )


def image(magic: int, *messages: bytes) -> bytes:
    """Put messages into an image."""
    framed = (struct.pack("<I", len(each)) + each for each in messages)
    return struct.pack("<II", COMMON, magic) + b"".join(framed)


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data
