"""A directory of the host as a store: a local disk, or a file system that several hosts share.

An archive is written under a hidden name beside its final one and renamed when it is durable, so a
final name always stands for a complete archive.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from ..api.reasons import Cause
from ..decisions.failures import OperationFailed, from_os_error
from .durable import publish, sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEME: Final = "file://"
_COMPONENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_COMPONENT: Final = 255 - len("..partial")
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED: Final = 5


class ArchiveFile:
    """An archive that is being written.

    Attributes:
        uri: Under which it will be found once it is complete.
    """

    def __init__(self, descriptor: int, uri: str) -> None:
        self._descriptor = descriptor
        self.uri = uri

    def write(self, data: bytes) -> int:
        """Append all of the bytes, and return how many that are.

        Raises:
            OperationFailed: The disk is full, or another system error.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise from_os_error(error, f"write {self.uri}") from error
        return len(data)


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """Archives below one directory.

    Attributes:
        root: The directory as the host sees it, absolute. URIs carry such paths.
        host_root: Where the agent sees the host's root directory.
    """

    root: Path
    host_root: Path = Path("/")

    def require_usable(self) -> None:
        """Check that archives can be written here.

        The directory is never made: one that is missing may be a file system that is not mounted.

        Raises:
            OperationFailed: It is not there, is no directory, or is not writable.
        """
        path = self.host_root / self.root.relative_to("/")
        if not path.is_dir():
            what = "is not a directory" if path.exists() else "does not exist"
        elif not os.access(path, os.W_OK | os.X_OK):
            what = "is not writable"
        else:
            return
        raise OperationFailed(
            Cause.STORE_UNAVAILABLE,
            f"The archive directory {self.root} {what}",
            remedy="Mount or create it on the host, or set PODMAN_CHECKPOINT_ARCHIVE_DIR of the "
            "agent to a directory that it can write to.",
        )

    def uri(self, name: str) -> str:
        """Return the URI of an archive, whether or not it exists.

        Args:
            name: Path below the root, such as ``namespace/name-uid.tar.zst``.

        Raises:
            OperationFailed: The name is not valid.
        """
        return f"{_SCHEME}{quote(str(self.root.joinpath(*_components(name))))}"

    def exists(self, name: str) -> bool:
        """Tell whether a complete archive has this name."""
        return stat.S_ISREG(_mode(self._final(name)))

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[ArchiveFile]:
        """Write an archive; it gets its final name when the block ends without an exception.

        By then it is on the disk, name and all. After an exception nothing of it is left; after a
        crash, :meth:`discard_partial` removes what is.

        Raises:
            OperationFailed: The name is taken, the disk is full, or another system error.
        """
        final, partial = self._final(name), self._partial(name)
        uri = self.uri(name)
        if os.path.lexists(final):
            raise _taken(uri)
        try:
            self._make_directories(final.parent)
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
            descriptor = os.open(partial, _NEW_FILE, 0o600)
        except OSError as error:
            raise from_os_error(error, f"create {uri}") from error
        try:
            try:
                yield ArchiveFile(descriptor, uri)
                _complete(descriptor, partial, final, uri)
            finally:
                os.close(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise

    def discard_partial(self, name: str) -> None:
        """Remove what a writer that was killed left behind, if anything."""
        try:
            self._partial(name).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise from_os_error(error, f"remove the rest of {self.uri(name)}") from error

    def resolve(self, uri: str) -> Path:
        """Return where the agent finds an archive.

        Raises:
            OperationFailed: The URI leads out of the store, or there is no such archive.
        """
        path = self._confined(uri)
        mode = _mode(path)
        if not mode:
            raise OperationFailed(
                Cause.ARCHIVE_MISSING,
                f"There is no archive {uri}. {self._neighbours(path)}",
                remedy="Restore from another checkpoint, or put the archive back in place.",
            )
        if not stat.S_ISREG(mode):
            raise _outside(uri, "it is not a regular file")
        return path

    def directory_of(self, uri: str) -> str:
        """Return the first directory below the root that an archive is in; empty for none.

        Raises:
            OperationFailed: The URI leads out of the store.
        """
        below = self._confined(uri).relative_to(self._here).parts
        return below[0] if len(below) > 1 else ""

    def delete(self, uri: str) -> None:
        """Delete an archive; one that is gone already is as good.

        Raises:
            OperationFailed: The URI leads out of the store, or another system error.
        """
        path = self._confined(uri)
        try:
            path.unlink()
            sync_directory(path.parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise from_os_error(error, f"delete {uri}") from error

    def space(self) -> tuple[int, int]:
        """Return the bytes of the store's file system, and how many of them the agent may fill.

        Raises:
            OperationFailed: Archives cannot be written here, or it cannot be asked.
        """
        self.require_usable()
        try:
            status = os.statvfs(self._here)
        except OSError as error:
            raise from_os_error(error, f"measure {self.root}") from error
        return status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize

    @property
    def _here(self) -> Path:
        """The root as the agent sees it."""
        return self.host_root / self.root.relative_to("/")

    def _final(self, name: str) -> Path:
        return self._here.joinpath(*_components(name))

    def _partial(self, name: str) -> Path:
        final = self._final(name)
        return final.with_name(f".{final.name}.partial")

    def _make_directories(self, directory: Path) -> None:
        """Create the directories of an archive, for root's eyes only, and make them durable."""
        missing = [path for path in (directory, *directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(path.parent)
        if not directory.resolve().is_relative_to(self._here.resolve()):
            raise _outside(str(directory), "a symlink leads out of it")

    def _confined(self, uri: str) -> Path:
        """Return the agent's path for a URI, having made sure that it lies in the store."""
        if not uri.startswith(_SCHEME):
            raise _outside(uri, f"only {_SCHEME} URIs are in a directory store")
        path = Path(unquote(uri.removeprefix(_SCHEME), errors="surrogateescape"))
        if not path.is_relative_to(self.root) or ".." in path.parts or "\0" in str(path):
            raise _outside(uri, f"the store is {self.root}")
        below = path.relative_to(self.root).parts
        if not below:
            raise _outside(uri, "it names the store itself")
        here = self._here
        for component in below:
            here /= component
            if stat.S_ISLNK(_mode(here)):
                raise _outside(uri, f"{component} is a symlink")
        return here

    def _neighbours(self, path: Path) -> str:
        """Say what is there instead, as help against typing errors."""
        try:
            names = sorted(n for n in os.listdir(path.parent) if not n.startswith("."))
        except OSError:
            return f"The directory {path.parent.name} does not exist in the store either."
        if not names:
            return "Its directory is empty."
        more = ", ..." if len(names) > _LISTED else ""
        return f"Its directory has: {', '.join(names[:_LISTED])}{more}"


def _components(name: str) -> list[str]:
    components = name.split("/")
    for component in components:
        if not _COMPONENT.fullmatch(component) or len(component) > _MAX_COMPONENT:
            raise OperationFailed(
                Cause.INVALID_SPEC,
                f"{name!r} cannot be the name of an archive: each part needs 1 to "
                f"{_MAX_COMPONENT} letters, digits, dots, dashes or underscores, and begins with a "
                "letter or digit",
            )
    return components


def _complete(descriptor: int, partial: Path, final: Path, uri: str) -> None:
    try:
        publish(descriptor, partial, final)
    except FileExistsError as error:
        raise _taken(uri) from error
    except OSError as error:
        raise from_os_error(error, f"complete {uri}") from error


def _mode(path: Path) -> int:
    """Return the type and permissions of a path, not following it; 0 if there is nothing."""
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise from_os_error(error, f"look at {path}") from error


def _taken(uri: str) -> OperationFailed:
    return OperationFailed(
        Cause.ARCHIVE_EXISTS,
        f"There is an archive {uri} already, and it is never overwritten",
        remedy="Delete it, or create the checkpoint under another name.",
    )


def _outside(uri: str, why: str) -> OperationFailed:
    return OperationFailed(
        Cause.ARCHIVE_OUTSIDE_STORE,
        f"{uri} is not an archive of this store: {why}",
        remedy="Name an archive below the store's directory, as status.archive.uri shows it.",
    )
