"""``podman-checkpoint-agent inspect``: tells what is in an archive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ..api.reasons import Cause
from ..criu.secrecy import without_secrets
from ..decisions.failures import OperationFailed
from ..decisions.preflight import size
from .output import CannotRead, add_reader, opened, printable

if TYPE_CHECKING:
    from ..api.archive_report import (
        ArchiveReport,
        BindMountReport,
        CheckpointReport,
        ContainerReport,
        ProcessReport,
        TreeReport,
    )

WHOLE: Final = 0
DAMAGED: Final = 1
"""The archive is damaged, cut off or no checkpoint archive."""

DESCRIPTION: Final = f"""\
Tell what is in a checkpoint archive, of this operator's or of Podman's own: the container, its
processes, open files, sockets and mounts, sizes, and where it comes from. The archive is read
once, from its beginning to its end, and nothing is unpacked. Values of environment variables,
arguments of commands and memory are not shown.

exit status:
  {WHOLE}  the archive is whole
  {DAMAGED}  it is damaged, cut off, or no checkpoint archive
  2  it cannot be read
"""
_PATHS: Final = 20
"""Shown in text of a list of files; JSON has more."""


class Damaged(CannotRead):
    """An archive is so damaged that nothing can be told of it."""

    status = DAMAGED


def add_parser(commands: Any) -> None:
    """Add the command to a parser's commands."""
    add_reader(
        commands,
        "inspect",
        inspect,
        summary="tell what is in an archive",
        description=DESCRIPTION,
        metavar="ARCHIVE",
        file_help="the file",
    )


def inspect(archive: str, output: str) -> int:
    """Show an archive and return the exit status.

    Raises:
        CannotRead: it cannot be read, or is damaged from the beginning on.
    """
    # Not in the agent, which has this module for its help: the models take 1 MiB of its memory.
    from ..archive.inspection import inspect as look_into  # noqa: PLC0415

    try:
        with opened(archive) as stream:
            report = look_into(stream)
    except OperationFailed as error:
        damaged = error.cause in (Cause.ARCHIVE_CORRUPT, Cause.ARCHIVE_TRUNCATED)
        raise (Damaged if damaged else CannotRead)(f"{archive}: {error.evidence}") from error
    if output == "json":
        print(json.dumps(_scrubbed(report.dump()), indent=2))
    else:
        for line in _text(report):
            print(without_secrets(printable(line)))
    return DAMAGED if report.incomplete else WHOLE


def _scrubbed(value: Any) -> Any:
    """Take secrets out of names, where nobody expects them."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, list):
        return [_scrubbed(each) for each in value]
    if isinstance(value, dict):
        return {key: _scrubbed(each) for key, each in value.items()}
    return value


def _text(report: ArchiveReport) -> Iterator[str]:
    archive, checkpoint = report.archive, report.checkpoint
    total = size(archive.size_bytes)
    yield _field("Archive", f"{total}, {_compression(report)}, {archive.digest}")
    yield from _container(report.container)
    yield from _origin(report)
    images, memory = size(checkpoint.images_bytes), size(checkpoint.memory_bytes)
    yield _field("Images", f"{images}, {memory} of them memory")
    yield from _needs(checkpoint)
    if (statistics := report.statistics) is not None:
        times = (
            f"frozen {statistics.frozen_microseconds / 1000:.1f} ms",
            f"memory dumped in {statistics.memdump_microseconds / 1000:.1f} ms",
            f"{statistics.pages_written} of {statistics.pages_scanned} pages written",
        )
        yield _field("Statistics", ", ".join(times))
    yield from _trees(report)
    yield from _processes(checkpoint)
    yield from _sockets(checkpoint)
    yield from _mounts(checkpoint)
    yield from _listed("Incomplete", report.incomplete, len(report.incomplete))


def _compression(report: ArchiveReport) -> str:
    archive = report.archive
    if archive.plain_bytes == archive.size_bytes:
        return "not compressed"
    return f"{archive.compression} of {size(archive.plain_bytes)}"


def _container(container: ContainerReport) -> Iterator[str]:
    yield _field("Container", f"{container.name} {container.id}")
    yield _field("Image", f"{container.image} {container.image_id}")
    yield _field("Created", container.created)
    yield _field("Runtime", f"{container.runtime}, {container.architecture or 'unknown'}")
    if container.pod:
        yield _field("Pod", container.pod)
    arguments = container.argument_count
    more = f" with {arguments} arguments, not shown" if arguments else ""
    yield _field("Command", f"{container.command or 'none'}{more}")
    yield _field("Environment", " ".join(container.environment))
    for network in container.networks:
        yield _field("Network", " ".join((network.name, *network.addresses, network.mac or "")))
    for port in container.ports:
        last = f" and {port.count - 1} more" if port.count > 1 else ""
        host = f"{port.host_ip or '*'}:{port.host_port}"
        yield _field("Port", f"{host} -> {port.container_port}/{port.protocol}{last}")
    for mount in container.bind_mounts:
        content = _tree(mount) if mount.included else "not in the archive"
        yield _field("Bind mount", f"{mount.source} at {mount.destination}, {content}")


def _origin(report: ArchiveReport) -> Iterator[str]:
    if (origin := report.origin) is None:
        yield _field("Taken", f"{report.checkpoint.time or 'at an unknown time'}, by Podman")
        return
    where = f"{report.checkpoint.time} on {origin.node_name}"
    yield _field("Taken", f"{where}, ContainerCheckpoint {origin.namespace}/{origin.name}")
    versions = (
        ("Podman", origin.podman_version),
        ("CRIU", origin.criu_version),
        ("Linux", origin.kernel_version),
    )
    yield _field("Software", ", ".join(f"{name} {number}" for name, number in versions if number))


def _needs(checkpoint: CheckpointReport) -> Iterator[str]:
    if checkpoint.connections:
        what = f"{checkpoint.connections} established TCP connections: restore with tcpEstablished"
        yield _field("Holds", what)
    if checkpoint.file_locks:
        yield _field("Holds", f"{checkpoint.file_locks} file locks: restore with fileLocks")
    if checkpoint.ghost_files:
        deleted = f"{checkpoint.ghost_files} deleted files that are open"
        yield _field("Holds", f"{deleted}, {size(checkpoint.ghost_bytes)}")


def _trees(report: ArchiveReport) -> Iterator[str]:
    for volume in report.volumes:
        where = f"{volume.name} at {volume.destination}"
        yield _field("Volume", f"{where}, {_tree(volume) if volume.included else 'not included'}")
    if report.dev_shm is not None:
        yield _field("/dev/shm", _tree(report.dev_shm))
    if (changed := report.file_system) is None:
        yield _field("Files", "not in the archive")
        return
    yield _field("Files", f"{_tree(changed)}, added or changed; {changed.deleted_count} deleted")
    yield from _listed("Changed", changed.paths, changed.files)
    yield from _listed("Deleted", changed.deleted, changed.deleted_count)


def _tree(tree: TreeReport | BindMountReport) -> str:
    return f"{tree.files} files, {size(tree.size_bytes)}"


def _listed(title: str, names: tuple[str, ...], count: int) -> Iterator[str]:
    if not names:
        return
    yield f"{title}:"
    for name in names[:_PATHS]:
        yield f"  {name}"
    if count > _PATHS:
        yield f"  and {count - min(len(names), _PATHS)} more"


def _processes(checkpoint: CheckpointReport) -> Iterator[str]:
    yield f"Processes ({checkpoint.process_count}, {checkpoint.thread_count} threads):"
    depths: dict[int, int] = {}
    for process in checkpoint.processes:
        depth = depths[process.pid] = depths.get(process.ppid, 0) + 1
        yield f"{'  ' * depth}{_process(process)}"
        for file in process.files:
            yield f"{'  ' * depth}    {file.fd} {file.type} {file.path or ''}".rstrip()


def _process(process: ProcessReport) -> str:
    facts = (
        process.executable,
        None if process.uid is None else f"uid {process.uid}",
        f"{process.threads} threads" if process.threads > 1 else None,
        None if process.memory_bytes is None else f"{size(process.memory_bytes)} of memory",
    )
    return f"{process.pid} {process.comm or '?'} ({', '.join(filter(None, facts))})"


def _sockets(checkpoint: CheckpointReport) -> Iterator[str]:
    if checkpoint.sockets:
        yield f"Sockets ({len(checkpoint.sockets)}):"
    for each in checkpoint.sockets:
        ends = " -> ".join(filter(None, (each.local, each.remote)))
        holders = " ".join(map(str, each.pids))
        yield f"  {each.protocol} {each.state} {ends or '-'} (PID {holders or 'none'})"


def _mounts(checkpoint: CheckpointReport) -> Iterator[str]:
    if checkpoint.mounts:
        yield f"Mounts ({len(checkpoint.mounts)}):"
    for mount in checkpoint.mounts:
        outside = ", content outside" if mount.external else ""
        yield f"  {mount.mountpoint} ({mount.type or mount.source or 'unknown'}{outside})"


def _field(name: str, value: str | None) -> str:
    return f"{name + ':':<12} {value or '-'}"
