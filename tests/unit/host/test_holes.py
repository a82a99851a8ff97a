"""Holes are made where a file is zero, and nowhere else; nothing else of it changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.decisions.facts import SparseFile
from podman_checkpoint_operator.host.holes import make_holes

BLOCK = 4096
MIB = 1 << 20
TIME = 1_500_000_000_123_456_789


def make(root: Path, name: str, *holes: tuple[int, int]) -> int:
    return len(list(make_holes(root, [SparseFile("", name, holes)])))


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512


def filled(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    os.utime(path, ns=(TIME, TIME))
    return path


def test_zeros_become_holes(tmp_path: Path) -> None:
    content = bytes(9 * MIB) + b"x" + bytes(3 * MIB)
    path = filled(tmp_path / "file", content)
    assert make(tmp_path, "file", (0, 9 * MIB), (9 * MIB + BLOCK, 3 * MIB)) > 2
    assert (path.stat().st_mtime_ns, path.stat().st_atime_ns) == (TIME, TIME)
    assert path.read_bytes() == content
    assert allocated(path) == BLOCK


def test_only_where_there_were_holes(tmp_path: Path) -> None:
    path = filled(tmp_path / "file", bytes(MIB))
    make(tmp_path, "file", (4 * BLOCK, 8 * BLOCK))
    assert allocated(path) == MIB - 8 * BLOCK


def test_once_is_enough(tmp_path: Path) -> None:
    filled(tmp_path / "file", bytes(9 * MIB))
    assert make(tmp_path, "file", (0, 9 * MIB)) > 0
    assert make(tmp_path, "file", (0, 9 * MIB)) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives capabilities to a file")
def test_a_program_keeps_its_capabilities(tmp_path: Path) -> None:
    capability = b"\1\0\0\2" + b"\x20\xff" + bytes(14)
    path = filled(tmp_path / "file", bytes(MIB))
    os.setxattr(path, "security.capability", capability)
    make(tmp_path, "file", (0, MIB))
    assert os.getxattr(path, "security.capability") == capability


def test_a_setuid_program_stays_one(tmp_path: Path) -> None:
    path = filled(tmp_path / "file", bytes(MIB))
    path.chmod(0o6755)
    make(tmp_path, "file", (0, MIB))
    assert path.stat().st_mode & 0o7777 == 0o6755


def test_what_was_written_meanwhile_stays(tmp_path: Path) -> None:
    path = filled(tmp_path / "file", bytes(12 * MIB))
    steps = make_holes(tmp_path, [SparseFile("", "file", ((0, 12 * MIB),))])
    next(steps)
    with path.open("r+b") as file:
        file.seek(11 * MIB + 5)
        file.write(b"written")
    os.utime(path, ns=(TIME, TIME + 1))
    list(steps)
    assert path.read_bytes() == bytes(11 * MIB + 5) + b"written" + bytes(MIB - 12)
    assert allocated(path) == BLOCK
    assert path.stat().st_mtime_ns == TIME + 1


def test_a_file_cut_meanwhile(tmp_path: Path) -> None:
    path = filled(tmp_path / "file", bytes(12 * MIB))
    steps = make_holes(tmp_path, [SparseFile("", "file", ((0, 12 * MIB),))])
    next(steps)
    os.truncate(path, 5 * MIB + 100)
    list(steps)
    assert path.read_bytes() == bytes(5 * MIB + 100)


@pytest.mark.parametrize(
    "name", ["link", "folder/file", "gone", "dir/gone", "plain/x", "dir", "fifo"]
)
def test_what_is_not_there_any_more_is_left_alone(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    (root / "dir").mkdir(parents=True)
    outside = filled(tmp_path / "file", bytes(MIB))
    (root / "link").symlink_to("../file")
    (root / "folder").symlink_to("..")
    (root / "plain").write_text("x")
    os.mkfifo(root / "fifo")
    assert make(root, name, (0, MIB)) == 0
    assert allocated(outside) == MIB


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.tuples(st.booleans(), st.integers(1, 3 * BLOCK)), max_size=12),
    holes=st.lists(st.tuples(st.integers(0, 9 * BLOCK), st.integers(1, 9 * BLOCK)), max_size=3),
)
def test_no_content_changes(
    tmp_path_factory: pytest.TempPathFactory,
    pieces: list[tuple[bool, int]],
    holes: list[tuple[int, int]],
) -> None:
    content = b"".join((b"\1" if data else b"\0") * length for data, length in pieces)
    path = filled(tmp_path_factory.mktemp("holes") / "file", content)
    make(path.parent, "file", *holes)
    assert path.read_bytes() == content
