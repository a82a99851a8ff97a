"""What is known of a host, asked for again only when its software or its configuration changed.

``podman info`` takes a tenth of a second: it has the package manager look up its helpers. That is a
third of the time of a whole checkpoint of a small container.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..decisions.facts import Host
from .files import below
from .programs import PATHS, run_on_host

_PROGRAMS: Final = ("criu", "podman", "crun", "runc")
_CONFIGURATION: Final = (
    "/usr/share/containers/containers.conf",
    "/usr/share/containers/storage.conf",
    "/etc/containers/containers.conf",
    "/etc/containers/containers.conf.d",
    "/etc/containers/storage.conf",
)
_MAX_AGE_SECONDS: Final = 60.0
"""What files do not show, such as the options that the Podman service was started with, is seen
after this time."""
_VERSION: Final = re.compile(r"^Version: (\S+)", re.MULTILINE)

_Fingerprint = tuple[object, ...]


class HostDescription:
    """The versions and abilities of one host.

    Args:
        root: where the host's file system is.
        describe: returns what Podman knows of its host, given CRIU's version.
        release: returns what tells one Podman service from its successor; asked each time, since it
            also shows that the service is there.
    """

    def __init__(
        self, root: Path, describe: Callable[[str], Host], release: Callable[[], str]
    ) -> None:
        self._root = root
        self._describe = describe
        self._release = release
        self._known: tuple[_Fingerprint, float, Host] | None = None

    def current(self) -> Host:
        """Return the host as it is now."""
        fingerprint = (self._release(), *self._fingerprints())
        known = self._known
        if (
            known is None
            or known[0] != fingerprint
            or time.monotonic() > known[1] + _MAX_AGE_SECONDS
        ):
            host = self._describe(self._criu_version())
            known = self._known = fingerprint, time.monotonic(), host
        return known[2]

    def known(self) -> Host:
        """Return what :meth:`current` said last; an operation has asked it at its beginning."""
        return self._known[2] if self._known else self.current()

    def _fingerprints(self) -> Iterator[_Fingerprint]:
        for folder in PATHS.split(":"):
            for program in _PROGRAMS:
                yield from _fingerprint(below(self._root, Path(folder, program)))
        for name in _CONFIGURATION:
            path = below(self._root, Path(name))
            yield from _fingerprint(path)
            if path.is_dir():
                for file in sorted(path.iterdir()):
                    yield from _fingerprint(file)

    def tracks_memory(self) -> bool:
        """Ask the host's CRIU whether it can tell which memory changes after it was copied."""
        return self._criu("check", "--feature", "mem_dirty_track") is not None

    def _criu_version(self) -> str:
        """Ask the host's CRIU for its version: Podman knows that there is one, not which."""
        found = _VERSION.search(self._criu("--version") or "")
        return found.group(1) if found else ""

    def _criu(self, *arguments: str) -> str | None:
        return run_on_host(self._root, "criu", *arguments)


def _fingerprint(path: Path) -> Iterator[_Fingerprint]:
    """What differs between two versions of a file; nothing where there is none."""
    with suppress(OSError):
        # The link itself too: its target may be below another root.
        for seen in (os.lstat(path), os.stat(path)):
            yield (path.name, seen.st_dev, seen.st_ino, seen.st_size, seen.st_ctime_ns)
