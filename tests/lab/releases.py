"""The releases of Debian that namespaced hosts run on, and with them the versions of everything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Release:
    """One release."""

    name: str
    suite: str
    python: str
    """Its Python, which the agent runs on."""


STABLE: Final = Release("stable", "trixie", "3.13")
NEXT: Final = Release("next", "forky", "3.14")

NEXT_HOST: Final = "host-n"
"""Always runs the next release, beside hosts of the present one."""

VARIABLE: Final = "PODMAN_CHECKPOINT_LAB_RELEASE"
"""Environment variable with the name of the release that all other hosts run; ``stable`` unless
set."""


class ReleaseError(RuntimeError):
    """There is no such release."""


def release_of(host: str) -> Release:
    """The release that a namespaced host runs.

    Raises:
        ReleaseError: if the environment asks for one that there is not.
    """
    wanted = NEXT.name if host == NEXT_HOST else os.environ.get(VARIABLE) or STABLE.name
    for release in (STABLE, NEXT):
        if release.name == wanted:
            return release
    raise ReleaseError(f"{VARIABLE} is {wanted!r}: set it to {STABLE.name} or {NEXT.name}")
