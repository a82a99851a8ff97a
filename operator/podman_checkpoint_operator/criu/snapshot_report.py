"""From what CRIU's images say to what a user is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..api.archive_report import (
    CheckpointReport,
    MountReport,
    OpenFileReport,
    ProcessReport,
    SocketReport,
)
from .open_files import ESTABLISHED, type_name

if TYPE_CHECKING:
    from .snapshot import Descriptor, Snapshot


@dataclass(slots=True)
class Sizes:
    """What is known of images by their names and lengths alone."""

    images_bytes: int = 0
    memory_bytes: int = 0
    ghost_files: int = 0
    ghost_bytes: int = 0

    def add(self, name: str, size: int) -> None:
        """Count an image."""
        self.images_bytes += size
        if name.startswith("pages-"):
            self.memory_bytes += size
        elif name.startswith("ghost-file-"):
            self.ghost_files += 1
            self.ghost_bytes += size


def report(snapshot: Snapshot, sizes: Sizes, *, time: str | None) -> CheckpointReport:
    """Return all that the images say.

    Args:
        snapshot: what was collected from them.
        sizes: of images that are not read.
        time: when the dump was finished.
    """
    pids = _parents_first(snapshot)
    # Shared tables are shared here too.
    tables = {
        table: tuple(_open_file(snapshot, each) for each in descriptors)
        for table, descriptors in snapshot.descriptors.items()
    }
    processes = tuple(_process(snapshot, pid, tables) for pid in pids)
    sockets = _sockets(snapshot, pids)
    return CheckpointReport(
        time=time,
        images_bytes=sizes.images_bytes,
        memory_bytes=sizes.memory_bytes,
        process_count=len(processes),
        thread_count=sum(process.threads for process in processes),
        connections=sum(each.state == ESTABLISHED and each.protocol == "tcp" for each in sockets),
        file_locks=snapshot.file_locks,
        ghost_files=sizes.ghost_files,
        ghost_bytes=sizes.ghost_bytes,
        processes=processes,
        sockets=sockets,
        mounts=tuple(
            MountReport(
                mountpoint=mount.mountpoint,
                type=mount.type or None,
                source=mount.source or None,
                external=mount.external,
            )
            for mount in sorted(snapshot.mounts, key=lambda mount: mount.mountpoint)
        ),
    )


def _parents_first(snapshot: Snapshot) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, process in snapshot.processes.items():
        parent = process.ppid if process.ppid in snapshot.processes and process.ppid != pid else 0
        children.setdefault(parent, []).append(pid)
    ordered: list[int] = []
    waiting = sorted(children.pop(0, ()), reverse=True)
    while waiting:
        ordered.append(waiting.pop())
        waiting += sorted(children.pop(ordered[-1], ()), reverse=True)
    return ordered


def _process(
    snapshot: Snapshot, pid: int, tables: dict[int, tuple[OpenFileReport, ...]]
) -> ProcessReport:
    process = snapshot.processes[pid]
    task, space = snapshot.tasks.get(pid), snapshot.spaces.get(pid)
    program = snapshot.files.get(space.executable) if space else None
    return ProcessReport(
        pid=pid,
        ppid=process.ppid,
        comm=task.comm if task else None,
        executable=program.path if program else None,
        uid=task.uid if task else None,
        threads=process.threads,
        memory_bytes=snapshot.resident_bytes.get(pid),
        virtual_bytes=space.size_bytes if space else None,
        files=tables.get(snapshot.tables.get(pid, 0), ()),
    )


def _open_file(snapshot: Snapshot, descriptor: Descriptor) -> OpenFileReport:
    file = snapshot.files.get(descriptor.file)
    return OpenFileReport(
        fd=descriptor.number,
        type=file.type if file else type_name(descriptor.type),
        path=(file and file.path) or None,
    )


def _sockets(snapshot: Snapshot, pids: list[int]) -> tuple[SocketReport, ...]:
    holders: dict[int, dict[int, None]] = {}
    for pid in pids:
        for descriptor in snapshot.descriptors.get(snapshot.tables.get(pid, 0), ()):
            holders.setdefault(descriptor.file, {})[pid] = None
    return tuple(
        SocketReport(
            protocol=file.socket.protocol,
            state=file.socket.state,
            local=file.socket.local or None,
            remote=file.socket.remote or None,
            pids=tuple(holders.get(number, ())),
        )
        for number, file in snapshot.files.items()
        if file.socket
    )
