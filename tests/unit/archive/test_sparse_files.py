"""Sparse files take little room in an archive, every reader has their content, and a list tells."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive import extents
from podman_checkpoint_operator.archive.entries import tree_entries
from podman_checkpoint_operator.archive.extents import holes, stored_extents
from podman_checkpoint_operator.archive.inspection import inspect
from podman_checkpoint_operator.archive.reader import sparse_files_in, verify
from podman_checkpoint_operator.archive.sparse_files import MOST_LISTED, read_list, write_list
from podman_checkpoint_operator.archive.tarstream import TreeTar
from podman_checkpoint_operator.decisions.facts import SparseFile
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.unit.archive.checkpoints import archive, make_sources
from tests.unit.archive.podman_import import unpack

MIB = 1 << 20
BLOCK = 4096
NAMES = ["sparse", "n" * 255, "new\nline", "\udcff", "ä"]


def make_sparse(path: Path, size: int, *data: int) -> Path:
    """Make a file of holes, but for a block at each of some positions."""
    with path.open("wb") as file:
        for position in data:
            file.seek(position)
            file.write(os.fsencode(path.name)[:1] * min(BLOCK, size - position))
        file.truncate(size)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in NAMES:
        make_sparse(tree / name, 5 * MIB + 100, 0, MIB, 2 * MIB + BLOCK, 5 * MIB)
    make_sparse(tree / "empty", 3 * MIB)
    make_sparse(tree / "end", MIB, MIB - BLOCK)
    os.link(tree / "end", tree / "link")
    (tree / "dense").write_bytes(bytes(MIB))
    return tree


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def tar_of(tree: Path) -> bytes:
    tar = TreeTar(lambda: tree_entries(tree))
    content = b"".join(map(bytes, tar.chunks()))
    assert len(content) == tar.size()
    return content


def test_every_reader_has_the_content(tree: Path, tmp_path: Path) -> None:
    content = tar_of(tree)
    assert len(content) < 2 * MIB
    podmans, gnus = tmp_path / "podman", tmp_path / "gnu"
    podmans.mkdir()
    gnus.mkdir()
    unpack(content, podmans)
    options = ("--extract", "--no-same-owner", "--transform=s,^/,,")
    subprocess.run(["tar", *options, "--directory", gnus], input=content, check=True)
    assert contents(podmans) == contents(gnus) == contents(tree)
    assert (gnus / "sparse").stat().st_blocks == (tree / "sparse").stat().st_blocks
    assert (podmans / "link").samefile(podmans / "end")


def test_the_holes_are_listed_once_for_each_file(tree: Path) -> None:
    tar = TreeTar(lambda: tree_entries(tree))
    listed = dict(tar.holes())
    assert listed.keys() == {os.fsencode(name) for name in (*NAMES, "empty", "end")}
    assert listed[b"empty"] == ((0, 3 * MIB),)
    assert listed[b"end"] == ((0, MIB - BLOCK),)
    assert listed[b"sparse"][0] == (BLOCK, MIB - BLOCK)


def test_reading_a_reserved_range_does_not_change_the_tar(tmp_path: Path) -> None:
    path = tmp_path / "tree/reserved"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(4 * MIB)
        os.posix_fallocate(file.fileno(), MIB, MIB)
    tar = TreeTar(lambda: tree_entries(path.parent))
    size = tar.size()
    path.read_bytes()
    assert sum(len(bytes(chunk)) for chunk in tar.chunks()) == size


def test_an_archive_tells_its_sparse_files(tree: Path, tmp_path: Path) -> None:
    sources = make_sources(tmp_path)
    make_sparse(tmp_path / "upper/database", 10 * MIB, MIB)
    content, _ = archive(replace(sources, volumes={"data": tree}))
    path = tmp_path / "archive.tar"
    path.write_bytes(content)

    found = verify(path, None).sparse_files
    assert found == sparse_files_in(path)
    assert found[0] == SparseFile("", "database", ((0, MIB), (MIB + BLOCK, 9 * MIB - BLOCK)))
    assert {file.name for file in found if file.volume == "data"} == {*NAMES, "empty", "end"}
    report = inspect(io.BytesIO(content))
    assert not any("sparse" in note for note in report.incomplete)
    assert report.file_system is not None
    assert report.file_system.size_bytes == 10 * MIB + len("container")


def test_an_archive_without_them_has_no_list(tmp_path: Path) -> None:
    content, _ = archive(make_sources(tmp_path))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert "sparse-files.json" not in tar.getnames()


def test_too_many_extents_for_a_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_sparse(tmp_path / "many", MIB, *range(0, MIB, 3 * BLOCK), 100 * BLOCK)
    monkeypatch.setattr(extents, "MOST_EXTENTS", 3)
    found = stored_extents(os.fsencode(path), path.stat())
    assert len(found) <= 3
    kept = holes(found, MIB)
    assert all(path.read_bytes()[start : start + length] == bytes(length) for start, length in kept)


@given(st.lists(st.integers(1, 100), max_size=9), st.booleans())
def test_holes_are_what_is_between(lengths: list[int], begins_with_data: bool) -> None:
    parts: tuple[list[tuple[int, int]], ...] = ([], [])
    position = 0
    for number, length in enumerate(lengths):
        parts[(number + begins_with_data) % 2].append((position, length))
        position += length
    assert holes(tuple(parts[1]), position) == tuple(parts[0])


def test_the_list_keeps_any_name_and_has_an_end() -> None:
    files = [SparseFile("", "a/\udcff", ((0, 5), (7, 9))), SparseFile("v", "x", ((1, 1),))]
    assert read_list(write_list(files)) == tuple(files)
    assert read_list(None) == ()
    large = SparseFile("", "x", ((0, 1),) * (MOST_LISTED // 2))
    assert len(read_list(write_list([large] * 5))) == 2


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b"[1]",
        b'[{"volume": "", "name": "a", "holes": [[0]]}]',
        b'[{"volume": "", "name": "a", "holes": [[0, -1]]}]',
        b'[{"volume": "", "name": "../a", "holes": []}]',
        b'[{"volume": "", "name": "/etc/passwd", "holes": []}]',
        b'[{"volume": "", "holes": []}]',
    ],
)
def test_a_damaged_list_is_refused(document: bytes) -> None:
    with pytest.raises(OperationFailed, match=r"sparse-files\.json is damaged") as caught:
        read_list(document)
    assert caught.value.cause is Cause.ARCHIVE_CORRUPT
