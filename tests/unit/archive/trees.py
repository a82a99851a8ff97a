"""Random directory trees: how to make one, change one, and compare two.

Every step may be impossible where it lands (a name is taken, a parent is no directory); it then
does nothing. So any list of steps is a valid tree, and Hypothesis can shorten it freely.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hypothesis import strategies as st

from podman_checkpoint_operator.archive import xattrs

NAMES = [b"a", b"b", b"c.d", b"new\nline", b"\xffnot-utf8", b"\xc3\xa4", b"n" * 255]
Names = tuple[bytes, ...]

FEW_PATHS: list[Names] = [
    (b"a",),
    (b"b",),
    (b"a", b"a"),
    (b"a", b"b"),
    (b"a", b"\xff"),
    (b"a", b"a", b"a"),
    (b"a", b"a", b"b"),
]
"""So few that most steps meet what earlier ones made."""

ANY_PATHS: st.SearchStrategy[Names] = st.builds(
    lambda first, rest: (first, *rest),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(NAMES), max_size=2),
)

CONTENTS = [b"", b"x", b"changed", b"\0" * 9000, os.urandom(70_000)]
ROOT = os.geteuid() == 0
OWNERS = [0, 999, 2**31] if ROOT else [os.geteuid()]


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

    def _sparse(self, path: bytes, _: bytes) -> None:
        with _opened(path, 0) as file:
            file.seek(1 << 20)
            file.write(self.content)
            file.truncate(3 << 20)

    def _directory(self, path: bytes, _: bytes) -> None:
        os.makedirs(path)

    def _symlink(self, path: bytes, other: bytes) -> None:
        os.symlink(os.path.join(*self.other), path)

    def _link(self, path: bytes, other: bytes) -> None:
        os.link(path, other, follow_symlinks=False)

    def _fifo(self, path: bytes, _: bytes) -> None:
        os.mkfifo(path)

    def _device(self, path: bytes, _: bytes) -> None:
        os.mknod(path, stat.S_IFBLK | 0o640, os.makedev(60, 300))

    def _socket(self, path: bytes, _: bytes) -> None:
        os.mknod(path, stat.S_IFSOCK | 0o700)

    def _mode(self, path: bytes, _: bytes) -> None:
        if not os.path.islink(path):
            os.chmod(path, self.mode if ROOT else self.mode | 0o700)

    def _owner(self, path: bytes, _: bytes) -> None:
        os.chown(path, self.owner, self.owner, follow_symlinks=False)

    def _attribute(self, path: bytes, _: bytes) -> None:
        os.setxattr(path, "user.any", self.content[:200], follow_symlinks=False)

    def _capability(self, path: bytes, _: bytes) -> None:
        if stat.S_ISREG(os.lstat(path).st_mode):
            os.setxattr(path, "security.capability", b"\1\0\0\2" + b"\x20\xff" + bytes(14))

    def _remove(self, path: bytes, _: bytes) -> None:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def _rename(self, path: bytes, other: bytes) -> None:
        os.rename(path, other)


def _opened(path: bytes, flags: int) -> BinaryIO:
    """Open a regular file for writing; opening a FIFO would wait, and a device act."""
    if os.path.lexists(path):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FileExistsError
        os.chmod(path, 0o600)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | flags, 0o644), "wb")


ACTIONS = sorted(name[1:] for name in vars(Step) if name[0] == "_" and name[1] != "_")


def steps(
    *, paths: st.SearchStrategy[Names] = ANY_PATHS, actions: list[str] = ACTIONS
) -> st.SearchStrategy[list[Step]]:
    """Lists of random steps."""
    step = st.builds(
        Step,
        action=st.sampled_from(actions),
        path=paths,
        other=paths,
        content=st.sampled_from(CONTENTS),
        mode=st.sampled_from([0o755, 0o600, 0o4755, 0o1777, 0o000]),
        owner=st.sampled_from(OWNERS),
        mtime_ns=st.sampled_from([0, 1_500_000_000_123_456_789, 10**9, 2**33 * 10**9 + 1]),
    )
    return st.lists(step, max_size=20)


@dataclass(frozen=True)
class Seen:
    """All that a container can tell about one file."""

    kind: int
    mode: int
    owner: tuple[int, int]
    content: bytes
    device: int
    mtime_ns: int
    attributes: tuple[tuple[str, bytes], ...]


def look(root: Path, *, sockets: bool = True, all_attributes: bool = False) -> dict[bytes, Seen]:
    """Describe a tree; times of directories are left out, as every change inside moves them."""
    found: dict[bytes, Seen] = {}
    pending = [(os.fsencode(root), b"/")]
    while pending:
        path, name = pending.pop()
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFSOCK and not sockets:
            continue
        attributes = xattrs.read(path)
        chosen = attributes if all_attributes else xattrs.travelling(attributes)
        content = b""
        if kind == stat.S_IFREG:
            content = Path(os.fsdecode(path)).read_bytes()
        elif kind == stat.S_IFLNK:
            content = os.readlink(path)
        elif kind == stat.S_IFDIR:
            pending += [(path + b"/" + n, name.rstrip(b"/") + b"/" + n) for n in os.listdir(path)]
        found[name] = Seen(
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            owner=(status.st_uid, status.st_gid),
            content=content,
            device=status.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0,
            mtime_ns=0 if kind == stat.S_IFDIR else status.st_mtime_ns,
            attributes=tuple(sorted(chosen.items())),
        )
    return found


def hard_links(root: Path) -> set[frozenset[str]]:
    """Return the groups of names that are one file."""
    groups: dict[int, set[str]] = {}
    for directory, _, files in os.walk(root):
        for file in files:
            path = os.path.join(directory, file)
            if os.lstat(path).st_nlink > 1:
                groups.setdefault(os.lstat(path).st_ino, set()).add(os.path.relpath(path, root))
    return {frozenset(group) for group in groups.values()}
