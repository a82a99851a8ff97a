"""The content of files, in pieces, as long as nobody writes to them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, displayed, from_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .extents import Extents

_CHUNK: Final = 1024 * 1024

Buffer = bytes | memoryview


def file_chunks(path: str | bytes | os.PathLike[str], size: int) -> Iterator[Buffer]:
    """Yield exactly ``size`` bytes of a file through one buffer.

    Raises:
        OperationFailed: The file cannot be read, or somebody writes to it.
    """
    return extent_chunks(path, size, ((0, size),))


def extent_chunks(
    path: str | bytes | os.PathLike[str], size: int, extents: Extents
) -> Iterator[Buffer]:
    """Yield parts of a file of that size through one buffer.

    Raises:
        OperationFailed: The file cannot be read, or somebody writes to it.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            longest = max((length for _, length in extents), default=0)
            buffer = memoryview(bytearray(min(_CHUNK, max(longest, 1))))
            for start, length in extents:
                file.seek(start)
                remaining = length
                while remaining:
                    count = file.readinto(buffer[: min(remaining, len(buffer))])
                    if not count:
                        lost = size - start - length + remaining
                        raise source_changed(f"{displayed(path)} lost {lost} of {size} bytes")
                    yield buffer[:count]
                    remaining -= count
            now = os.fstat(file.fileno())
            if now.st_size != size or now.st_mtime_ns != before.st_mtime_ns:
                raise source_changed(f"{displayed(path)} was written to")
    except OSError as error:
        raise from_os_error(error, f"read {displayed(path)}") from error


def source_changed(what: str) -> OperationFailed:
    """Return the failure of an archive whose sources are not at rest."""
    return OperationFailed(
        Cause.SOURCE_CHANGED,
        f"{what} while it was archived",
        "Keep others from writing there until the checkpoint is Ready: status.preflight names"
        " containers that share it (SharedMounts); other programs of the host may, too",
    )


def log_chunks(path: Path, size: int) -> Iterator[Buffer]:
    """Yield the head of a log that the running container appends to, or has just rotated."""
    sent = 0
    try:
        with path.open("rb") as log:
            while sent < size and (data := log.read(min(1 << 20, size - sent))):
                sent += len(data)
                yield data
    except FileNotFoundError:
        pass
    yield b"\n" * (size - sent)
