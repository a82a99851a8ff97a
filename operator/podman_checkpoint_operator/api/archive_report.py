"""What ``podman-checkpoint-agent inspect -o json`` prints; documented in docs/inspect.md.

Names and meanings stay as they are; fields may be added. What an archive does not tell is left out.
No field holds the value of a variable, an argument of a command, or anything of memory.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, field_validator

from .common import ApiModel, Compression


class _Part(ApiModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """Write as escapes what is no text: names of files can hold any bytes."""
        if isinstance(value, str):
            return value.encode(errors="backslashreplace").decode()
        if isinstance(value, tuple):
            return tuple(cls._as_text(each) for each in value)
        return value


class ArchiveFile(_Part):
    """The file itself."""

    size_bytes: int
    """Bytes of the file."""
    plain_bytes: int
    """Bytes of the tar in it."""
    digest: str
    """SHA-256 of the file, as in ``status.archive.digest``."""
    compression: Compression
    """``zstd``, ``gzip`` or ``none``."""
    members: int
    """Members of the tar."""


class NetworkReport(_Part):
    """A network of the container."""

    name: str
    """The network's name."""
    addresses: tuple[str, ...]
    """Addresses that the container had, with the length of the prefix."""
    mac: str | None = None
    """MAC address that the container had."""


class PortReport(_Part):
    """A published port, or a range of them."""

    host_ip: str | None = None
    """Address of the host that it is published on; absent for all."""
    host_port: int
    """First port of the host."""
    container_port: int
    """First port of the container."""
    count: int
    """How many ports in a row."""
    protocol: str
    """``tcp``, ``udp``, ``sctp``, or several with commas between."""


class BindMountReport(_Part):
    """A path of the host in the container."""

    source: str
    """Path on the host; it has to be there for a restore, unless its content is included."""
    destination: str
    """Path in the container."""
    included: bool
    """Whether the archive holds its content."""
    files: int
    """How many files, folders and links of it are in the archive."""
    size_bytes: int
    """Content of these files."""


class ContainerReport(_Part):
    """The container, as Podman describes it."""

    id: str
    """Full ID."""
    name: str
    """Name."""
    image: str
    """Name of its image."""
    image_id: str
    """Full ID of its image."""
    created: str | None = None
    """When it was created (RFC 3339)."""
    runtime: str
    """OCI runtime; a restore needs the same."""
    pod: str | None = None
    """ID of the pod that it belongs to."""
    architecture: str | None = None
    """CPU architecture in Go's spelling, such as ``amd64``."""
    command: str | None = None
    """The program that it runs, without arguments: they may hold secrets."""
    argument_count: int
    """How many arguments the program has."""
    environment: tuple[str, ...]
    """Names of its environment variables, without values."""
    networks: tuple[NetworkReport, ...]
    """Networks that it was connected to."""
    ports: tuple[PortReport, ...]
    """Published ports."""
    bind_mounts: tuple[BindMountReport, ...]
    """Paths of the host that it uses."""


class OriginReport(_Part):
    """Where the checkpoint was taken. Archives made by Podman itself do not tell."""

    node_name: str | None = None
    """The Podman host, ``spec.nodeName``."""
    namespace: str | None = None
    """Namespace of the ContainerCheckpoint."""
    name: str | None = None
    """Name of the ContainerCheckpoint."""
    uid: str | None = None
    """UID of the ContainerCheckpoint."""
    podman_version: str | None = None
    """Version of Podman."""
    criu_version: str | None = None
    """Version of CRIU."""
    kernel_version: str | None = None
    """Release of the host's kernel."""
    architecture: str | None = None
    """CPU architecture of the host in Go's spelling."""


class StatisticsReport(_Part):
    """CRIU's measurements of the dump."""

    freezing_microseconds: int
    """Until all processes stood still."""
    frozen_microseconds: int
    """From then until they went on or were ended."""
    memdump_microseconds: int
    """Collecting memory from the processes."""
    memwrite_microseconds: int
    """Writing it to the images."""
    pages_scanned: int
    """Pages of memory that were looked at."""
    pages_written: int
    """Pages of memory in the images."""


class OpenFileReport(_Part):
    """A file descriptor of a process."""

    fd: int
    """Its number."""
    type: str
    """``file``, ``pipe``, ``fifo``, ``inet``, ``unix``, ``eventfd``, ``epoll`` and so on."""
    path: str | None = None
    """Path in the container, or a description such as the addresses of a connection."""


class ProcessReport(_Part):
    """A process. PIDs are those in the container's PID namespace."""

    pid: int
    """Process ID."""
    ppid: int
    """ID of its parent; 0 for the first."""
    comm: str | None = None
    """Short name as the kernel has it, at most 15 characters."""
    executable: str | None = None
    """Path of its program in the container."""
    uid: int | None = None
    """Effective user ID."""
    threads: int
    """How many threads it has."""
    memory_bytes: int | None = None
    """Its memory in the images."""
    virtual_bytes: int | None = None
    """Its address space."""
    files: tuple[OpenFileReport, ...] = ()
    """Its open files."""


class SocketReport(_Part):
    """A socket of the container's processes."""

    protocol: str
    """``tcp``, ``udp``, ``unix``, ``unix-datagram`` and so on, or a number."""
    state: str
    """``established``, ``listen``, ``close`` and so on."""
    local: str | None = None
    """Own address, or path of a UNIX socket; ``@`` stands for an abstract name."""
    remote: str | None = None
    """Address of the other end."""
    pids: tuple[int, ...]
    """The processes that hold it open."""


class MountReport(_Part):
    """A mount in the container."""

    mountpoint: str
    """Path in the container."""
    type: str | None = None
    """Type of its file system, as far as CRIU tells."""
    source: str | None = None
    """What is mounted."""
    external: bool
    """Whether its content is outside the checkpoint: the root, volumes and bind mounts."""


class CheckpointReport(_Part):
    """CRIU's images: the processes and all that they hold."""

    time: str | None = None
    """When the dump was finished (RFC 3339)."""
    images_bytes: int
    """All images together."""
    memory_bytes: int
    """The pages of memory among them."""
    process_count: int
    """How many processes were saved."""
    thread_count: int
    """How many threads they have."""
    connections: int
    """Established TCP connections; a restore needs ``tcpEstablished``."""
    file_locks: int
    """Held file locks; a restore needs ``fileLocks``."""
    ghost_files: int
    """Open files whose names were removed."""
    ghost_bytes: int
    """Their size."""
    processes: tuple[ProcessReport, ...]
    """The processes, parents before children."""
    sockets: tuple[SocketReport, ...]
    """Their sockets."""
    mounts: tuple[MountReport, ...]
    """Mounts that they see."""


class TreeReport(_Part):
    """Files in the archive."""

    files: int
    """How many files, folders and links."""
    size_bytes: int
    """Content of the files."""


class FileSystemReport(TreeReport):
    """How the container's file system differs from its image."""

    paths: tuple[str, ...]
    """The first of the files, folders and links that were added or changed."""
    deleted: tuple[str, ...]
    """The first of those that were removed."""
    deleted_count: int
    """How many were removed."""


class VolumeContentReport(TreeReport):
    """A named volume."""

    name: str
    """Its name."""
    destination: str | None = None
    """Path in the container."""
    included: bool
    """Whether the archive holds its content."""


class ArchiveReport(_Part):
    """What an archive is and holds."""

    archive: ArchiveFile
    """The file itself."""
    container: ContainerReport
    """The container, as Podman describes it."""
    origin: OriginReport | None = None
    """Where the checkpoint was taken; absent for archives made by Podman itself."""
    checkpoint: CheckpointReport
    """CRIU's images: the processes and all that they hold."""
    statistics: StatisticsReport | None = None
    """CRIU's measurements of the dump."""
    file_system: FileSystemReport | None = None
    """How the file system differs from the image; absent when it is not in the archive."""
    volumes: tuple[VolumeContentReport, ...]
    """Named volumes."""
    dev_shm: TreeReport | None = None
    """Files in /dev/shm."""
    incomplete: tuple[str, ...] = ()
    """What is in the archive but not in this report, and why: damaged, too large, or too many."""
