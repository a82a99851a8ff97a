"""Directory trees: steps that change one, and a full description to compare two by.

Nothing but the standard library, since it also runs as a program in the lab's hosts, inside the
root of a container: ``python3 trees.py ROOT`` takes ``steps`` to do and then ``trees`` to describe
as JSON from its standard input.

Every step may be impossible where it lands (a name is taken, a parent is no directory); it then
does nothing. So any list of steps is a valid history, and it can be shortened freely.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
import struct
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

Names = tuple[bytes, ...]

SPARSE_SIZE = 3 << 20
"""Of the files that a step makes sparse, in bytes."""

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_ACL_VERSION = 2
_NOBODY = 65534
_OF_THE_HOST = frozenset({"security.selinux"})
"""Attributes that belong to the machine and not to the tree."""


@dataclass(frozen=True)
class Step:
    """One action on the path, with whatever of the other values it needs."""

    action: str
    path: Names
    other: Names
    content: bytes
    mode: int
    owner: int
    mtime_ns: int

    def run(self, root: Path) -> None:
        path = os.path.join(os.fsencode(root), *self.path)
        other = os.path.join(os.fsencode(root), *self.other)
        with contextlib.suppress(OSError, shutil.Error):
            getattr(self, f"_{self.action}")(path, other)

    def _file(self, path: bytes, _: bytes) -> None:
        with _opened(path, os.O_CREAT | os.O_TRUNC) as file:
            file.write(self.content)
        os.utime(path, ns=(self.mtime_ns, self.mtime_ns))

    def _append(self, path: bytes, _: bytes) -> None:
        with _opened(path, os.O_APPEND) as file:
            file.write(self.content)

    def _overwrite(self, path: bytes, _: bytes) -> None:
        """Change content without a trace in size and time."""
        status = os.lstat(path)
        with _opened(path, 0) as file:
            file.write(self.content[: status.st_size])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _sparse(self, path: bytes, _: bytes) -> None:
        with _opened(path, 0) as file:
            file.seek(1 << 20)
            file.write(self.content)
            file.truncate(SPARSE_SIZE)

    def _directory(self, path: bytes, _: bytes) -> None:
        os.makedirs(path)

    def _again(self, path: bytes, _: bytes) -> None:
        """Delete a directory and make it again."""
        if stat.S_ISDIR(os.lstat(path).st_mode):  # rmtree would open a FIFO, and wait
            shutil.rmtree(path)
            os.mkdir(path)

    def _deep(self, path: bytes, _: bytes) -> None:
        """Make directories far below a path, with a file at their end."""
        deepest = os.path.join(path, *[b"d" * 100] * 12)
        os.makedirs(deepest)
        Path(os.fsdecode(deepest), "end").write_bytes(self.content)

    def _symlink(self, path: bytes, other: bytes) -> None:
        os.symlink(os.path.join(*self.other), path)

    def _absolute(self, path: bytes, other: bytes) -> None:
        os.symlink(other, path)

    def _link(self, path: bytes, other: bytes) -> None:
        os.link(path, other, follow_symlinks=False)

    def _fifo(self, path: bytes, _: bytes) -> None:
        os.mkfifo(path)

    def _device(self, path: bytes, _: bytes) -> None:
        os.mknod(path, stat.S_IFBLK | 0o640, os.makedev(60, 300))

    def _character(self, path: bytes, _: bytes) -> None:
        os.mknod(path, stat.S_IFCHR | 0o606, os.makedev(1, 3))

    def _socket(self, path: bytes, _: bytes) -> None:
        os.mknod(path, stat.S_IFSOCK | 0o700)

    def _mode(self, path: bytes, _: bytes) -> None:
        if not os.path.islink(path):
            os.chmod(path, self.mode if os.geteuid() == 0 else self.mode | 0o700)

    def _owner(self, path: bytes, _: bytes) -> None:
        os.chown(path, self.owner, self.owner, follow_symlinks=False)

    def _time(self, path: bytes, _: bytes) -> None:
        os.utime(path, ns=(self.mtime_ns, self.mtime_ns), follow_symlinks=False)

    def _attribute(self, path: bytes, _: bytes) -> None:
        os.setxattr(path, "user.any", self.content[:200], follow_symlinks=False)

    def _trusted(self, path: bytes, _: bytes) -> None:
        os.setxattr(path, "trusted.any", self.content[:200], follow_symlinks=False)

    def _capability(self, path: bytes, _: bytes) -> None:
        if stat.S_ISREG(os.lstat(path).st_mode):
            os.setxattr(path, "security.capability", b"\1\0\0\2" + b"\x20\xff" + bytes(14))

    def _acl(self, path: bytes, _: bytes) -> None:
        """Let one more user read, as ``setfacl -m u:nobody:r`` does."""
        entries = [(1, 7, -1), (2, 4, _NOBODY), (4, 5, -1), (16, 5, -1), (32, 5, -1)]
        acl = b"".join(struct.pack("<HHi", *entry) for entry in entries)
        value = struct.pack("<I", _ACL_VERSION) + acl
        os.setxattr(path, "system.posix_acl_access", value, follow_symlinks=False)

    def _strip(self, path: bytes, _: bytes) -> None:
        for name, _value in _attributes(path):
            os.removexattr(path, name, follow_symlinks=False)

    def _remove(self, path: bytes, _: bytes) -> None:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def _rename(self, path: bytes, other: bytes) -> None:
        os.rename(path, other)

    def _exchange(self, path: bytes, other: bytes) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.renameat2(_AT_FDCWD, path, _AT_FDCWD, other, _RENAME_EXCHANGE):
            raise OSError(ctypes.get_errno(), "renameat2")


ACTIONS = sorted(name[1:] for name in vars(Step) if name[0] == "_" and name[1] != "_")


def _opened(path: bytes, flags: int) -> BinaryIO:
    """Open a regular file for writing; opening a FIFO would wait, and a device act."""
    if os.path.lexists(path):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FileExistsError
        os.chmod(path, 0o600)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o644), "wb")


@dataclass(frozen=True)
class Seen:
    """All that a container can tell about one file.

    Attributes:
        link_to: The first name of the same file, for each further one.
        sparse: It is large, and most of it is holes.
    """

    kind: int
    mode: int
    owner: tuple[int, int]
    content: bytes
    device: int
    mtime_ns: int
    attributes: tuple[tuple[str, bytes], ...]
    link_to: bytes = b""
    sparse: bool = False


def look(
    root: Path, *, sockets: bool = True, holes: bool = True, directory_times: bool = False
) -> dict[bytes, Seen]:
    """Describe a tree; every change in a directory moves its time, so that it is left out."""
    found: dict[bytes, Seen] = {}
    groups: dict[int, list[bytes]] = {}
    pending = [(os.fsencode(root), b"/")]
    while pending:
        path, name = pending.pop()
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFSOCK and not sockets:
            continue
        content = b""
        if kind == stat.S_IFREG:
            content = Path(os.fsdecode(path)).read_bytes()
        elif kind == stat.S_IFLNK:
            content = os.readlink(path)
        elif kind == stat.S_IFDIR:
            below = sorted(os.listdir(path), reverse=True)
            pending += [(path + b"/" + n, name.rstrip(b"/") + b"/" + n) for n in below]
        if kind != stat.S_IFDIR:
            groups.setdefault(status.st_ino, []).append(name)
        found[name] = Seen(
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            owner=(status.st_uid, status.st_gid),
            content=content,
            device=status.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0,
            mtime_ns=status.st_mtime_ns if kind != stat.S_IFDIR or directory_times else 0,
            attributes=_attributes(path),
            sparse=holes and _mostly_holes(status),
        )
    for names in groups.values():
        for name in names[1:]:
            found[name] = replace(found[name], link_to=names[0])
    return found


def _mostly_holes(status: os.stat_result) -> bool:
    large = stat.S_ISREG(status.st_mode) and status.st_size >= 1 << 20
    return large and status.st_blocks * 512 < status.st_size // 2


def _attributes(path: bytes) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return ()
        raise
    return tuple(
        (name, os.getxattr(path, name, follow_symlinks=False))
        for name in sorted(names)
        if name not in _OF_THE_HOST
    )


def to_json(value: Any) -> Any:
    """Return a value as JSON takes it; bytes as text that says the same."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {to_json(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def step_from_json(data: dict[str, Any]) -> Step:
    """Return the step that :func:`to_json` was given."""
    names = {key: tuple(n.encode("latin-1") for n in data[key]) for key in ("path", "other")}
    return Step(**{**data, **names, "content": data["content"].encode("latin-1")})


def _brief(seen: Seen) -> dict[str, Any]:
    content = seen.content
    if len(content) > 200:
        content = f"{len(content)} bytes, {hashlib.sha256(content).hexdigest()}".encode()
    return asdict(replace(seen, content=content))


def main(root: str) -> None:
    """Run the steps of a job in a root, then describe its trees."""
    job = json.load(sys.stdin)
    os.chroot(root)
    os.chdir("/")
    for step in map(step_from_json, job["steps"]):
        step.run(Path("/"))
    seen = {}
    for tree in job["trees"]:
        described = look(Path(tree), sockets=False, directory_times=True)
        seen[tree] = {name: _brief(each) for name, each in described.items()}
    json.dump(to_json(seen), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
