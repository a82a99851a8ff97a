"""What CRIU's images say of the processes that were dumped, image by image as they come along.

Images arrive in any order, and one at a time; of each only what a report needs is kept. Of memory
nothing but sizes is looked at, and of a process neither arguments nor environment: both are memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import images
from .open_files import OpenFile, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protobuf import Message

MAX_IMAGE_BYTES: Final = 8 * 1024 * 1024
MAX_RECORDS: Final = 50_000
"""Of processes, descriptors, files and mounts together: what is kept is small whatever comes."""

_PAGE_BYTES: Final = 4096
_IN_PARENT, _PRESENT = 1, 4
"""Flags of a run of pages: in an earlier checkpoint, in this one."""
_FILE_SYSTEMS: Final = {
    1: "proc",
    2: "sysfs",
    3: "devtmpfs",
    4: "binfmt_misc",
    5: "tmpfs",
    6: "devpts",
    9: "securityfs",
    11: "debugfs",
    12: "cgroup",
    14: "mqueue",
    15: "fuse",
    17: "overlay",
    19: "tracefs",
    23: "cgroup2",
}


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process's place in the tree."""

    ppid: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class Task:
    """Who a process is."""

    comm: str
    uid: int


@dataclass(frozen=True, kw_only=True)
class AddressSpace:
    """What a process has mapped."""

    executable: int
    """ID of a file."""
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """One number in a table of open files."""

    number: int
    type: int
    file: int
    """ID of a file."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A mount in the container."""

    mountpoint: str
    type: str
    source: str
    external: bool


class Snapshot:
    """Collects what the images say. Everything is by the IDs that the images use."""

    def __init__(self) -> None:
        self.processes: dict[int, Process] = {}
        self.tasks: dict[int, Task] = {}
        self.tables: dict[int, int] = {}
        """Which table of descriptors a process has."""
        self.descriptors: dict[int, list[Descriptor]] = {}
        self.files: dict[int, OpenFile] = {}
        self.spaces: dict[int, AddressSpace] = {}
        self.resident_bytes: dict[int, int] = {}
        self.mounts: list[Mount] = []
        self.file_locks = 0
        self._records = 0

    def take(self, name: str, image: bytes) -> None:
        """Read an image, if it is one that is known.

        Raises:
            ValueError: it is damaged, or there is more of everything than is read.
        """
        if found := _reader(name):
            read, number = found
            read(self, image, number)

    def _count(self) -> None:
        self._records += 1
        if self._records > MAX_RECORDS:
            raise ValueError(f"there are more than {MAX_RECORDS} processes, files and mounts")

    def _take_tree(self, image: bytes, _: int) -> None:
        for entry in images.messages(image, images.PSTREE):
            self._count()
            threads = max(len(entry.integers(5)), 1)
            self.processes[entry.integer(1)] = Process(ppid=entry.integer(2), threads=threads)

    def _take_core(self, image: bytes, pid: int) -> None:
        core = images.first(image, images.CORE)
        self._count()
        if 3 in core:  # threads have none
            uid = core.message(5).message(10).integer(3)
            self.tasks[pid] = Task(comm=core.message(3).text(6), uid=uid)
        if 4 in core:
            self.tables.setdefault(pid, core.message(4).integer(2))

    def _take_ids(self, image: bytes, pid: int) -> None:
        self._count()
        self.tables[pid] = images.first(image, images.IDS).integer(2)

    def _take_descriptors(self, image: bytes, table: int) -> None:
        found = self.descriptors.setdefault(table, [])
        for entry in images.messages(image, images.FDINFO):
            self._count()
            number, kind, file = entry.integer(4), entry.integer(3), entry.integer(1)
            found.append(Descriptor(number=number, type=kind, file=file))

    def _take_files(self, image: bytes, _: int) -> None:
        for entry in images.messages(image, images.FILES):
            self._count()
            self.files[entry.integer(2)] = describe(entry)

    def _take_space(self, image: bytes, pid: int) -> None:
        space = images.first(image, images.MM)
        self._count()
        size = sum(area.integer(2) - area.integer(1) for area in space.messages(14))
        self.spaces[pid] = AddressSpace(executable=space.integer(12), size_bytes=size)

    def _take_pages(self, image: bytes, pid: int) -> None:
        runs = images.messages(image, images.PAGEMAP)
        next(runs, None)  # says in which file the pages are
        self._count()
        self.resident_bytes[pid] = sum(map(_page_count, runs)) * _PAGE_BYTES

    def _take_mounts(self, image: bytes, _: int) -> None:
        for entry in images.messages(image, images.MOUNTS):
            self._count()
            kind = _FILE_SYSTEMS.get(entry.integer(1), "") or entry.text(14)
            self.mounts.append(
                Mount(
                    mountpoint=entry.text(7),
                    type=kind,
                    source=entry.text(8),
                    external=bool(entry.integer(12) or entry.integer(13) or 18 in entry),
                )
            )

    def _take_locks(self, image: bytes, _: int) -> None:
        self.file_locks += sum(1 for _ in images.messages(image, images.FILE_LOCKS))


_READERS: Final[tuple[tuple[re.Pattern[str], Callable[[Snapshot, bytes, int], None]], ...]] = (
    (re.compile(r"pstree\.img"), Snapshot._take_tree),
    (re.compile(r"core-(\d+)\.img"), Snapshot._take_core),
    (re.compile(r"ids-(\d+)\.img"), Snapshot._take_ids),
    (re.compile(r"fdinfo-(\d+)\.img"), Snapshot._take_descriptors),
    (re.compile(r"files\.img"), Snapshot._take_files),
    (re.compile(r"mm-(\d+)\.img"), Snapshot._take_space),
    (re.compile(r"pagemap-(\d+)\.img"), Snapshot._take_pages),
    (re.compile(r"mountpoints-(\d+)\.img"), Snapshot._take_mounts),
    (re.compile(r"filelocks\.img"), Snapshot._take_locks),
)


def is_read(name: str) -> bool:
    """Whether :meth:`Snapshot.take` reads an image of this name."""
    return _reader(name) is not None


def _reader(name: str) -> tuple[Callable[[Snapshot, bytes, int], None], int] | None:
    for pattern, read in _READERS:
        if match := pattern.fullmatch(name):
            number = match[1] if match.re.groups else "0"
            return read, int(number) if number.isdecimal() and len(number) < 12 else 0
    return None


def _page_count(run: Message) -> int:
    flags = run.integer(4)
    if run.integer(3) or (flags & _IN_PARENT) or (4 in run and not flags & _PRESENT):
        return 0
    return run.integer(5) or run.integer(2)
