"""The ghost limit: how high it must be before a dump, and what next when CRIU refuses.

CRIU puts a deleted file that is still open into its images only up to this limit. It stops at the
first file that is larger, so that other, larger ones may come to light at the next attempt; each
attempt holds the container still for a moment. Hence the headroom, and the bound on attempts.

Since 3.18, CRIU compares the space that the file occupies (``st_blocks * 512``, ``files-reg.c``),
before that its length (``st_size``). A limit of exactly the size is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..api.checkpoint import GhostLimit, GhostLimitPolicy
from ..api.quantity import MAX_BYTES, format_quantity
from ..api.reasons import Cause
from ..api.remedies import Setting
from .failures import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .facts import OpenFile

MAX_REFUSALS: Final = 5
"""Attempts that CRIU may refuse before the operation fails."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a dump needs of the ghost limit.

    Attributes:
        limit_bytes: the limit to bring in force; None to leave it as it is.
        exact: exactly this limit, and not a higher one.
        predicted_bytes: the largest ghost file that was seen, 0 if there was none.
    """

    limit_bytes: int | None
    exact: bool = False
    predicted_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Held:
    """The ghost limit in force during a dump.

    Attributes:
        limit_bytes: what CRIU will use.
        config_file: the file on the host that sets it; None if it is CRIU's own default.
    """

    limit_bytes: int
    config_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An attempt that failed, since this file was larger than the limit in force."""

    path: str
    size_bytes: int
    limit_bytes: int


def need(spec: GhostLimit, predicted: Sequence[OpenFile]) -> Need:
    """Return the limit that a first attempt needs.

    Nothing is changed where nothing has to be: with ``Auto`` when no ghost file was seen and no
    limit asked for, or when the largest is beyond ``max`` and even ``max`` would not help.
    """
    largest = max((file.size_bytes for file in predicted), default=0)
    if spec.policy is GhostLimitPolicy.FIXED:
        return Need(limit_bytes=spec.limit_bytes, exact=True, predicted_bytes=largest)
    if spec.policy is GhostLimitPolicy.DISABLED:
        return Need(limit_bytes=None, predicted_bytes=largest)
    wanted = [spec.limit_bytes] if spec.limit_bytes is not None else []
    if 0 < largest <= spec.max_bytes:
        wanted.append(with_headroom(largest, spec.max_bytes))
    return Need(limit_bytes=max(wanted, default=None), predicted_bytes=largest)


def check(spec: GhostLimit, predicted: Sequence[OpenFile], in_force: int) -> None:
    """Refuse a dump that CRIU would refuse, before the container is touched.

    Raises:
        OperationFailed: if a ghost file is larger than the limit that is in force.
    """
    largest = max(predicted, key=lambda file: file.size_bytes, default=None)
    if largest is not None and largest.size_bytes > in_force:
        raise _too_large(spec, largest.path, largest.size_bytes, in_force)


def after_refusal(spec: GhostLimit, refusals: Sequence[Refusal], *, predicted_bytes: int) -> Need:
    """Return the limit for the next attempt.

    Args:
        spec: what the user allows.
        refusals: the attempts so far, the last one at the end.
        predicted_bytes: the largest ghost file that was seen before the first attempt.

    Raises:
        OperationFailed: if no further attempt may help.
    """
    last = refusals[-1]
    if last.size_bytes <= last.limit_bytes:
        raise _not_read(last)
    largest = max(refusal.size_bytes for refusal in refusals)
    beyond = spec.policy is not GhostLimitPolicy.AUTO or largest > spec.max_bytes
    if beyond or len(refusals) >= MAX_REFUSALS:
        raise _too_large(spec, last.path, last.size_bytes, last.limit_bytes)
    limit = with_headroom(max(largest, predicted_bytes), spec.max_bytes)
    return Need(limit_bytes=limit, predicted_bytes=predicted_bytes)


def with_headroom(size: int, most: int) -> int:
    """Return the next power of two of at least twice a size, but not more than ``most``.

    Files grow between look and dump, and a rounded limit serves the next checkpoint as well.
    """
    return min(1 << (2 * size - 1).bit_length(), most)


def _too_large(spec: GhostLimit, path: str, size: int, in_force: int) -> OperationFailed:
    ample = with_headroom(size, MAX_BYTES)
    close = "let the application close the file"
    remedies = {
        GhostLimitPolicy.AUTO: Setting(
            f"spec.ghostLimit.max: {format_quantity(ample)} or more", otherwise=close
        ),
        GhostLimitPolicy.FIXED: Setting(
            f"spec.ghostLimit.limit: {size} or more, or spec.ghostLimit.policy: Auto",
            otherwise=close,
        ),
        GhostLimitPolicy.DISABLED: Setting(
            "spec.ghostLimit.policy: Auto",
            otherwise=f"put `ghost-limit {ample}` into CRIU's configuration file on the host, or"
            f" {close}",
        ),
    }
    bound = (
        f", and may be raised to {spec.max_bytes}" if spec.policy is GhostLimitPolicy.AUTO else ""
    )
    return OperationFailed(
        Cause.GHOST_FILE_TOO_LARGE,
        f"{path} is deleted but still open and has {size} bytes; "
        f"the ghost limit is {in_force} bytes{bound}",
        remedies[spec.policy],
    )


def _not_read(last: Refusal) -> OperationFailed:
    return OperationFailed(
        Cause.CRIU_CONFIG_INVALID,
        f"CRIU refused {last.path} of {last.size_bytes} bytes, though the ghost limit was set to "
        f"{last.limit_bytes} bytes",
        "CRIU read another configuration file, or another program changed the limit meanwhile. "
        "Look for `ghost-limit` in /etc/criu/*.conf on the host and for the container's annotation "
        "org.criu.config.",
    )
