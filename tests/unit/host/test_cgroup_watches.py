"""Watches on files of control groups, read from the real ``/proc`` of a process that has some.

Not here: that systemd has such watches, and cannot be restored with them (test_real_machine.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from podman_checkpoint_operator.host.cgroup_watches import cgroup_watches
from tests.unit.host.test_processes import child

PROC = Path("/proc")
WATCHING = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
instance = libc.inotify_init()
for path in sys.argv[1:]:
    if path.endswith(".pressure"):
        os.open(path, os.O_RDWR)
    else:
        assert libc.inotify_add_watch(instance, os.fsencode(path), 2) > 0
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A tree in the form of a cgroup's; on tmpfs, whose inodes are those that users see."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for name in ("", "init.scope", "system.slice/a.service"):
            below = Path(folder, "cgroup", name)
            below.mkdir(parents=True, exist_ok=True)
            for file in ("cgroup.events", "memory.events", "memory.pressure"):
                (below / file).touch()
        yield Path(folder, "cgroup")


@pytest.mark.parametrize(
    ("watched", "found"),
    [
        ((), ()),
        (("init.scope/memory.events",), ("init.scope/memory.events",)),
        (("system.slice/a.service/memory.events",), ("system.slice/a.service/memory.events",)),
        # Every cgroup has these as soon as it is there, and Podman makes the container's own whole.
        (("init.scope/cgroup.events", "memory.events", "init.scope"), ()),
    ],
)
def test_files_of_controllers(
    cgroup: Path, watched: tuple[str, ...], found: tuple[str, ...]
) -> None:
    with child(WATCHING, *(cgroup / name for name in watched)) as pid:
        assert cgroup_watches(PROC, cgroup, [pid]) == found


def test_pressure_triggers(cgroup: Path) -> None:
    trigger = cgroup / "init.scope/memory.pressure"
    with child(WATCHING, trigger, cgroup / "init.scope/memory.events") as pid:
        found = cgroup_watches(PROC, cgroup, [pid])
    assert found == (str(trigger), "init.scope/memory.events")
    with trigger.open():
        # To read it is no trigger.
        assert cgroup_watches(PROC, cgroup, [pid, *_this_process()]) == ()


def test_a_watch_on_a_file_elsewhere_is_none(cgroup: Path, tmp_path: Path) -> None:
    with child(WATCHING, tmp_path) as pid:
        assert cgroup_watches(PROC, cgroup, [pid]) == ()


def _this_process() -> Iterator[int]:
    yield int(Path("/proc/self").readlink().name)
