"""Files are replaced whole, made durable by file system, measured and removed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from podman_checkpoint_operator.host import files


def test_a_replaced_file_has_the_new_content_and_mode_and_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / "entry.json"
    for content in (b"old", b"new"):
        files.replace_file(file, content, mode=0o600)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "entry.json"
    file.write_bytes(b"old")
    (tmp_path / ".entry.json.new").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace_file(file, b"new", mode=0o600)
    assert file.read_bytes() == b"old"


def test_who_has_no_room_hears_where(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.with_name(".kept.json.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        files.replace_file(path, b"more", mode=0o600)


def test_whatever_may_be_mounted_into_a_container_can_be_synced(tmp_path: Path) -> None:
    """Opening a socket fails, opening a pipe blocks, and a source may be gone."""
    file = tmp_path / "file"
    file.touch()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        files.sync_file_systems(
            [tmp_path, file, pipe, tmp_path / "socket", tmp_path / "gone", Path("/dev/null")]
        )


def test_a_path_of_the_host_is_seen_below_its_root() -> None:
    assert files.below(Path("/host"), Path("/etc/criu")) == Path("/host/etc/criu")
    assert files.below(Path("/"), Path("/etc/criu")) == Path("/etc/criu")


def test_a_tree_counts_with_what_it_occupies(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/full").write_bytes(os.urandom(100_000))
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    (tmp_path / "dangling").symlink_to("nowhere")
    files.sync_file_systems([tmp_path])
    assert 100_000 <= files.tree_bytes(tmp_path) < 1 << 20
    assert files.tree_bytes(tmp_path / "gone") == 0


def test_room_is_known_also_where_nothing_is_yet(tmp_path: Path) -> None:
    free, device = files.room(tmp_path / "not/yet")
    assert free > 0
    assert device == tmp_path.stat().st_dev


def test_removing_takes_trees_and_files_and_what_is_not_there(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    kept = tmp_path / "kept"
    kept.mkdir()
    (tree / "inner/link").symlink_to(kept)
    link = tmp_path / "link"
    link.symlink_to(kept)
    for path in (tree, link, tmp_path / "gone"):
        files.remove_tree(path)
    assert list(tmp_path.iterdir()) == [kept]
