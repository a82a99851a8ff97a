"""What of a command's output may be shown: its end, without secrets of the container."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..criu.secrecy import HIDDEN, without_secrets

MAX_OUTPUT: Final = 4096
"""Characters of a command's output that are kept, the last ones."""

MIN_SECRET: Final = 6
"""A shorter value of a variable is not taken for a secret: it would hide half of any output."""

_CUT: Final = "[…] "
# What every container has; values that help to understand an output.
_PUBLIC: Final = frozenset({"HOME", "HOSTNAME", "LANG", "PATH", "PWD", "TERM", "container"})


def shown(output: bytes, environment: Sequence[str]) -> str:
    """Return what status may hold of an output.

    Args:
        output: of the command, or its end; not much longer than what is kept.
        environment: the variables of the container, each as ``NAME=value``.
    """
    text = output.decode(errors="replace").replace("\0", "")
    # The longest first: one secret may be a part of another.
    for secret in sorted(set(_secrets(environment)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = without_secrets(text).strip()
    return text if len(text) <= MAX_OUTPUT else _CUT + text[len(_CUT) - MAX_OUTPUT :]


def _secrets(environment: Sequence[str]) -> Iterator[str]:
    for variable in environment:
        name, _, value = variable.partition("=")
        if name not in _PUBLIC:
            # A key of several lines may be shown line by line.
            yield from (part for part in (value, *value.splitlines()) if len(part) >= MIN_SECRET)
