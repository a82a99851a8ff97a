"""A capture is the same tree: contents, links, owners, modes, times, holes, special files.

Not tested here: that it is fast, and shared blocks, which need a file system that can.
"""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.capture import capture_tree, sync_tree
from podman_checkpoint_operator.archive.entries import MAX_NAME_BYTES, tree_entries
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.trees import Step, look
from tests.unit.archive.trees import steps


@settings(max_examples=60)
@given(steps())
def test_any_tree_is_captured_exactly(actions: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "source", Path(directory) / "target"
        source.mkdir(mode=0o751)
        for step in actions:
            step.run(source)

        statistics = capture_tree(source, target)

        before = look(source)
        assert look(target) == before
        directories = sum(stat.S_ISDIR(seen.kind) for seen in before.values())
        assert statistics.directories == directories - 1
        assert statistics.files == len(before) - directories


def test_directory_times_are_kept(tmp_path: Path) -> None:
    inner = tmp_path / "source" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    os.utime(inner, ns=(1, 1_234_567_890_123_456_789))

    capture_tree(tmp_path / "source", tmp_path / "target")

    assert (tmp_path / "target/inner").stat().st_mtime_ns == 1_234_567_890_123_456_789


def test_holes_stay_holes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with (tmp_path / "source/sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(64 << 20)
        file.write(b"end")
        file.truncate(128 << 20)

    statistics = capture_tree(tmp_path / "source", tmp_path / "target")

    copy = tmp_path / "target/sparse"
    assert copy.stat().st_size == statistics.size_bytes == 128 << 20
    assert copy.stat().st_blocks * 512 < 1 << 20
    with copy.open("rb") as file:
        assert file.read(5) == b"begin"
        file.seek(64 << 20)
        assert file.read(4) == b"end\0"


def test_the_copy_does_not_follow_later_changes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    original = tmp_path / "source/file"
    original.write_bytes(b"frozen" * 100_000)

    capture_tree(tmp_path / "source", tmp_path / "target")
    with original.open("r+b") as file:
        file.write(b"thawed")

    assert (tmp_path / "target/file").read_bytes() == b"frozen" * 100_000


def test_a_symlink_to_a_directory_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/link").symlink_to("../outside")

    capture_tree(tmp_path / "source", tmp_path / "target")

    assert (tmp_path / "target/link").is_symlink()


def test_an_existing_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    with pytest.raises(OperationFailed, match=r"Cannot copy .*source to .*target: File exists"):
        capture_tree(tmp_path / "source", tmp_path / "target")


def test_a_tree_as_deep_as_paths_go(tmp_path: Path) -> None:
    # Python's own functions for trees call themselves for each level, so programs do it here.
    deepest = "/".join("d" * (MAX_NAME_BYTES // 2))
    ends = [tmp_path / tree / deepest / "end" for tree in ("source", "target")]
    try:
        subprocess.run(["mkdir", "-p", ends[0].parent], check=True)
        ends[0].write_text("content")

        statistics = capture_tree(tmp_path / "source", tmp_path / "target")

        assert ends[1].read_text() == "content"
        assert (statistics.directories, statistics.files) == (MAX_NAME_BYTES // 2, 1)
        with pytest.raises(OperationFailed, match=r"A path has 360\d bytes") as caught:
            list(tree_entries(tmp_path / "target"))
        assert caught.value.cause is Cause.UNSUPPORTED_FILE
        ends[1].unlink()
        *_, last = tree_entries(tmp_path / "target")
        assert last.name == deepest.encode()
    finally:
        subprocess.run(["rm", "-r", tmp_path / "source", tmp_path / "target"], check=True)


def test_sync_of_a_missing_tree_is_an_error(tmp_path: Path) -> None:
    sync_tree(tmp_path)
    with pytest.raises(OperationFailed, match="No such file or directory"):
        sync_tree(tmp_path / "missing")
