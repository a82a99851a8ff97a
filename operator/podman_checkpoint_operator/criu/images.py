"""CRIU's image files: magic numbers, then protobuf messages, each behind its length."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from .protobuf import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

INVENTORY: Final = 0x58313116
PSTREE: Final = 0x50273030
CORE: Final = 0x55053847
IDS: Final = 0x54432030
FILES: Final = 0x56303138
FDINFO: Final = 0x56213732
MM: Final = 0x57492820
PAGEMAP: Final = 0x56084025
MOUNTS: Final = 0x55563928
FILE_LOCKS: Final = 0x54323616
"""Magic numbers, from ``criu/include/magic.h``."""

_COMMON: Final = 0x54564319
"""Comes first in all images but the inventory since CRIU 2.0."""
_WORD: Final = struct.Struct("<I")


def messages(image: bytes, magic: int) -> Iterator[Message]:
    """Yield the messages of an image.

    Raises:
        ValueError: it is no such image, or is damaged.
    """
    at = 0
    found = _word(image, at)
    if found == _COMMON:
        at += _WORD.size
        found = _word(image, at)
    if found != magic:
        raise ValueError("its magic number is another")
    at += _WORD.size
    while at < len(image):
        size = _word(image, at)
        at += _WORD.size
        if at + size > len(image):
            raise ValueError("it is truncated")
        yield Message(image[at : at + size])
        at += size


def first(image: bytes, magic: int) -> Message:
    """Return the first message; raw data may follow it, and is not looked at.

    Raises:
        ValueError: it is no such image, or is damaged.
    """
    return next(messages(image, magic), Message(b""))


def _word(image: bytes, at: int) -> int:
    if at + _WORD.size > len(image):
        raise ValueError("it is truncated")
    word: int = _WORD.unpack_from(image, at)[0]
    return word
