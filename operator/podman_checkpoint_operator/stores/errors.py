"""The one error of this package: why an archive cannot be stored or found, and the remedy."""

from __future__ import annotations

import errno
from typing import Final

from ..api.reasons import Cause

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class StoreError(Exception):
    """A store refuses, or cannot do, what was asked.

    Attributes:
        cause: The entry of the documented vocabulary.
        remedy: What the user can do; empty when nothing but another try helps.
    """

    def __init__(self, cause: Cause, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.cause = cause
        self.remedy = remedy


def from_os_error(error: OSError, doing: str) -> StoreError:
    """Explain a failed system call.

    Args:
        error: What the kernel said.
        doing: What was tried, to complete "Cannot ...", for example "write archive x".
    """
    message = f"Cannot {doing}: {error.strerror or error}"
    if error.errno in _NO_SPACE:
        return StoreError(
            Cause.NO_SPACE,
            message,
            remedy="Free space in the archive directory, or delete checkpoints whose "
            "deletionPolicy is Delete.",
        )
    if error.errno in _DENIED:
        return StoreError(
            Cause.PERMISSION_DENIED,
            message,
            remedy="The archive directory must be writable for the agent, which runs as root.",
        )
    return StoreError(
        Cause.UNKNOWN,
        message,
        remedy="Look at the file system of the archive directory on the host: `df`, `dmesg`.",
    )
