"""The one error of this package: what is wrong with files or archives, and what to do about it."""

from __future__ import annotations

import errno
import os
from typing import Final

from ..api.reasons import Cause

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class ArchiveError(Exception):
    """Files cannot be captured, or an archive cannot be written or trusted.

    Attributes:
        cause: The entry of the documented vocabulary.
        remedy: What the user can do; empty when nothing but another try helps.
    """

    def __init__(self, cause: Cause, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.cause = cause
        self.remedy = remedy


def from_os_error(error: OSError, doing: str) -> ArchiveError:
    """Explain a failed system call.

    Args:
        error: What the kernel said.
        doing: What was tried, to complete "Cannot ...", for example "copy /var/x".
    """
    where = f": {display(error.filename)}" if error.filename else ""
    message = f"Cannot {doing}: {error.strerror or error}{where}"
    if error.errno in _NO_SPACE:
        return ArchiveError(Cause.NO_SPACE, message, remedy="Free space there and try again.")
    if error.errno in _DENIED:
        return ArchiveError(
            Cause.PERMISSION_DENIED, message, remedy="The agent must run as root on the host."
        )
    return ArchiveError(
        Cause.UNKNOWN, message, remedy="Look at this file system on the host: `df`, `dmesg`."
    )


def display(path: str | bytes | os.PathLike[str] | int) -> str:
    """Return a path in a form that is safe in a message, whatever bytes it consists of."""
    if isinstance(path, int):
        return f"file descriptor {path}"
    return os.fsencode(path).decode("utf-8", "backslashreplace")
