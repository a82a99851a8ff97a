"""Files of control groups that a container's processes watch, as systemd does.

CRIU restores the descriptors but not what is behind them: a file of a controller is not there yet
when a watch on it is set up again, and a pressure file is open without its trigger, so that it is
ready all the time and whoever waits for it never sleeps again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from . import proc as reading

_INOTIFY: Final = "anon_inode:inotify"
_WATCH: Final = re.compile(r"^inotify wd:\w+ ino:(\w+) sdev:(\w+)", re.MULTILINE)
_FLAGS: Final = re.compile(r"^flags:\s*(\d+)", re.MULTILINE)
_CORE: Final = "cgroup."
"""How the names of files begin that every cgroup has, whatever its controllers."""


def cgroup_watches(proc: Path, cgroup: Path, pids: Iterable[int]) -> tuple[str, ...]:
    """Return the paths of watched files: as a process sees them, or below the container's cgroup.

    Args:
        proc: the host's ``/proc``.
        cgroup: directory of the container's cgroup.
        pids: the container's own processes.
    """
    watched: set[tuple[int, int]] = set()
    triggers: set[str] = set()
    for pid in pids:
        for link, target in reading.open_files(proc / str(pid)):
            if target == _INOTIFY:
                watched |= set(_watches(_information(link)))
            elif _is_pressure(target) and _is_writable(_information(link)):
                triggers.add(target)
    if not watched and not triggers:
        return ()
    return (*sorted(triggers), *(path for path, file in _created(cgroup) if file in watched))


def _is_pressure(path: str) -> bool:
    return path.startswith("/proc/pressure/") or path.endswith(".pressure")


def _is_writable(information: str) -> bool:
    """A trigger is set by writing it."""
    flags = _FLAGS.search(information)
    return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _watches(information: str) -> Iterator[tuple[int, int]]:
    """Device and inode of each file that an inotify instance watches."""
    for inode, device in _WATCH.findall(information):
        yield int(device, 16), int(inode, 16)


def _information(link: Path) -> str:
    with suppress(OSError):
        return (link.parents[1] / "fdinfo" / link.name).read_text()
    return ""


def _created(cgroup: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Files of controllers in the cgroups that were made below the container's, sorted."""
    with suppress(OSError):
        number = cgroup.stat().st_dev
        # As the kernel counts devices in fdinfo.
        device = os.major(number) << 20 | os.minor(number)
        for folder, below, _ in os.walk(cgroup):
            below.sort()
            if Path(folder) == cgroup:
                continue
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in sorted(entries, key=lambda each: each.name):
                    if entry.is_file() and not entry.name.startswith(_CORE):
                        path = str(Path(entry.path).relative_to(cgroup))
                        yield path, (device, entry.inode())
