"""Reading protobuf messages without their descriptions: a field is found by its number.

CRIU's images are protobuf (proto2, ``images/*.proto`` in its sources), and only a few of their many
fields matter here: too little for a protobuf library and generated code. pycriu, CRIU's own reader,
is not published for installation and reads only whole files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}


class Message:
    """The fields of one message. What is missing, or of another type, is empty.

    Raises:
        ValueError: this is no message.
    """

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def integer(self, number: int) -> int:
        """Return an unsigned integer, or 0."""
        return next((v for v in reversed(self._fields.get(number, ())) if isinstance(v, int)), 0)

    def integers(self, number: int) -> tuple[int, ...]:
        """Return a repeated unsigned integer, whichever way it was encoded."""
        found: list[int] = []
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            at = 0
            while at < len(value):
                item, at = _varint(value, at)
                found.append(item)
        return tuple(found)

    def raw(self, number: int) -> bytes:
        """Return bytes, or none."""
        return next(iter(self._all_raw(number)), b"")

    def text(self, number: int) -> str:
        """Return a string; bytes that are no text are written as escapes."""
        return self.raw(number).decode("utf-8", "backslashreplace")

    def message(self, number: int) -> Message:
        """Return an embedded message, empty if there is none."""
        return Message(self.raw(number))

    def messages(self, number: int) -> Iterator[Message]:
        """Yield a repeated embedded message."""
        return (Message(data) for data in self._all_raw(number))

    def _all_raw(self, number: int) -> list[bytes]:
        return [value for value in self._fields.get(number, ()) if isinstance(value, bytes)]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _BYTES:
            size, at = _varint(message, at)
        elif wire_type in _SIZES:
            size = _SIZES[wire_type]
        else:
            raise ValueError(f"a field has the unknown wire type {wire_type}")
        if at + size > len(message):
            raise ValueError("a field is truncated")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return an integer of 7 bits a byte, the lowest first, and where it ends."""
    value = 0
    for position, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value, at + position + 1
    raise ValueError("an integer is truncated")
