"""What the reconcilers ask of archives: capture, write into the store, verify, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..decisions.bind_mounts import SavedBind
from ..decisions.facts import Endpoint, SparseFile


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything that goes into one archive, at rest: a stage, or a stopped container's bundle.

    Attributes:
        origin: which resource of which host it is of; kept in the archive.
        bundle: holds ``config.dump``, ``spec.dump`` and the other small files.
        checkpoint: CRIU's images.
        upper: the writable layer, or a capture of it; None leaves the root file system out.
        lowers: the image's layers, topmost first.
        whole_trees: ``upper`` and the one of ``lowers`` are whole trees, not layers of an overlay.
        volumes: name to content of each named volume.
        bind_mounts: source to content of each bind mount.
        shm: a capture of ``/dev/shm``, where there is one; the bundle has Podman's.
    """

    origin: Mapping[str, str]
    bundle: Path
    checkpoint: Path
    upper: Path | None
    lowers: tuple[Path, ...] = ()
    whole_trees: bool = False
    volumes: Mapping[str, Path] = field(default_factory=dict)
    bind_mounts: Mapping[Path, Path] = field(default_factory=dict)
    shm: Path | None = None


@dataclass(frozen=True)
class Stored:
    """An archive in the store, durable under its final name."""

    uri: str
    size_bytes: int
    digest: str
    """``sha256:`` and 64 hexadecimal digits, of the bytes stored."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an archive says of its container, read from the head of the stream."""

    container_id: str
    container_name: str
    image_id: str
    image_name: str
    runtime: str
    endpoints: tuple[Endpoint, ...]
    """Its networks, and where it was in them."""
    asked_endpoints: tuple[Endpoint, ...]
    """The same, as asked for when it was made: all that a restore under a new name takes."""
    published: tuple[tuple[str, str, int], ...]
    """Address, protocol and port of each published port on the host."""
    volumes: tuple[str, ...]
    unsaved_volumes: tuple[str, ...]
    """Those of the volumes whose content is not in the archive."""
    mount_sources: tuple[Path, ...]
    """Sources of bind mounts, which must exist on the target."""
    bind_mounts: tuple[SavedBind, ...]
    """Those of the sources whose content is in the archive."""
    pod: str
    shared_namespaces: tuple[str, ...]
    """Those of its pod's infra container that it was in."""
    architecture: str = ""
    """Empty where the archive does not tell."""
    namespace: str | None = None
    """Whose resources only may touch the container, by its label; None without one."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """What :attr:`Contents.origin` was; empty for archives that Podman has made."""
    file_locks: bool = False
    """Whether its processes held file locks."""
    connections: bool = False
    """Whether its processes had established TCP connections."""
    podmans_bytes: int = 0
    """Of the archive when it is not compressed, up to where its bind mounts begin."""
    hole_bytes: int = 0
    """Zeros that Podman writes in the place of holes, which the archive does not have."""


class Archives(Protocol):
    """Archives and where they live. Every method raises ``OperationFailed``."""

    def capture(self, source: Contents, stage: Path) -> Contents:
        """Copy what a running container would change into the stage; return what was captured."""

    def captured(self, source: Contents, stage: Path) -> Contents:
        """Return what an earlier :meth:`capture` of the same source has put into the stage."""

    def store(
        self, contents: Contents, name: str, *, compression: str, progress: Callable[[int], None]
    ) -> Stored:
        """Write an archive under its final name; ``progress`` is told the bytes so far."""

    def exists(self, name: str) -> bool:
        """Whether the store has a complete archive of this name."""

    def adopt(self, name: str) -> Stored | None:
        """Return a complete archive of this name, read anew, if the store has one."""

    def discard_partial(self, name: str) -> None:
        """Remove what a write that was killed has left under this name."""

    def discard(self, name: str) -> None:
        """Remove the archive of this name, complete or not, if it is there."""

    def location(self) -> Path:
        """Return the store's directory, which can be written to."""

    def directory_of(self, uri: str) -> str:
        """Return the first directory of the store that an archive is in; empty for none."""

    def verify(self, uri: str, digest: str) -> Manifest:
        """Read an archive from end to end, and return what it says of its container."""

    def open_plain(self, uri: str, digest: str, *, end: int, copy: bool) -> Iterable[bytes]:
        """Yield what Podman gets of an archive; fail before its end if the digest is not this.

        Args:
            uri: where it is.
            digest: that it must have.
            end: how much of it is asked for.
            copy: it is restored under another name.
        """

    def lay_down(self, uri: str, digest: str, targets: Mapping[Path, Path]) -> None:
        """Lay the content of bind mounts down.

        Args:
            uri: where the archive is.
            digest: that it must have.
            targets: by source, where its content is to be; nothing is there yet.
        """

    def sparse_files(self, uri: str) -> Sequence[SparseFile]:
        """Return the files of an archive that had holes, as its head tells."""

    def delete(self, uri: str) -> None:
        """Remove an archive, if it is there."""


def archive_name(namespace: str, name: str, uid: str, compression: str) -> str:
    """Return the name of a resource's archive: known before it is written, the same every time."""
    suffix = {"zstd": ".tar.zst", "gzip": ".tar.gz"}.get(compression, ".tar")
    return f"{namespace}/{name}-{uid}{suffix}"
