"""What Podman does with ``rootfs-diff.tar`` and ``deleted.files`` on import, step by step.

After ``Unpack`` in containers/storage ``pkg/archive/archive.go`` and ``CRRemoveDeletedFiles`` in
Podman ``pkg/checkpoint/crutils``; the same from Podman 4.9 to 6.0 except where said. The lab has
the real one.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable
from pathlib import Path

from podman_checkpoint_operator.archive.entries import Entry
from podman_checkpoint_operator.archive.rootfs import Change, Deletion
from podman_checkpoint_operator.archive.tarstream import TreeTar


def apply(listed: Iterable[Change], root: Path, *, follow: bool) -> None:
    """Do what Podman does on import with the tar and the list that changes are put into."""
    changes = list(listed)
    tar = TreeTar(lambda: (change for change in changes if isinstance(change, Entry)))
    content = b"".join(bytes(chunk) for chunk in tar.chunks())
    assert len(content) == tar.size()
    unpack(content, root)
    deleted = [change.path for change in changes if isinstance(change, Deletion)]
    remove_deleted(deleted, root, follow=follow)


class _Info(tarfile.TarInfo):
    """A member, or a global header, which Go's reader returns like a member."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type != tarfile.XGLTYPE:
            return super()._proc_member(archive)  # type: ignore[misc,no-any-return]
        assert self.size == 0
        self.offset_data = archive.offset = archive.fileobj.tell()
        return self


def unpack(archive: bytes, root: Path) -> None:
    """Unpack a tar over a directory."""
    directories: list[tuple[str, int]] = []
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape", tarinfo=_Info) as tar:
        for member in tar:
            path = os.path.join(root, member.name)
            mtime_ns = _mtime_ns(member)
            if os.path.lexists(path):
                existing = stat.S_ISDIR(os.lstat(path).st_mode)
                if existing and member.name == ".":
                    continue
                if not (existing and member.isdir()):
                    _remove_all(path)
            if member.type == tarfile.XGLTYPE:
                continue
            _make(tar, member, path, root)
            _describe(path, member, mtime_ns)
            if member.isdir():
                directories.append((path, mtime_ns))
    for path, mtime_ns in directories:
        os.utime(path, ns=(mtime_ns, mtime_ns))


def remove_deleted(paths: list[str], root: Path, *, follow: bool) -> None:
    """Remove the listed paths; Podman follows a final symlink (``follow``) since 5.7 or so."""
    for path in paths:
        target = os.path.join(root, path.lstrip("/"))
        while follow and os.path.islink(target):
            link = os.readlink(target)
            base = str(root) if link.startswith("/") else os.path.dirname(target)
            target = os.path.join(base, link.lstrip("/"))
        if os.path.lexists(target):
            _remove_all(target)


def _make(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, root: Path) -> None:
    if member.isdir():
        if not os.path.isdir(path):
            os.mkdir(path)
    elif member.isreg():
        content = tar.extractfile(member)
        assert content is not None
        Path(path).write_bytes(content.read())
    elif member.issym():
        os.symlink(member.linkname, path)
    elif member.islnk():
        os.link(os.path.join(root, member.linkname), path, follow_symlinks=False)
    elif member.isfifo():
        os.mkfifo(path)
    else:
        kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
        os.mknod(path, kind, os.makedev(member.devmajor, member.devminor))


def _describe(path: str, member: tarfile.TarInfo, mtime_ns: int) -> None:
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    # A further name has the mode of its first, and may be one of a symbolic link.
    if not (member.issym() or member.islnk()):
        os.chmod(path, member.mode)
    os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            os.setxattr(
                path,
                key.removeprefix("SCHILY.xattr."),
                value.encode("utf-8", "surrogateescape"),
                follow_symlinks=False,
            )


def _mtime_ns(member: tarfile.TarInfo) -> int:
    seconds, _, fraction = member.pax_headers.get("mtime", str(member.mtime)).partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)


def _remove_all(path: str) -> None:
    if stat.S_ISDIR(os.lstat(path).st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)
