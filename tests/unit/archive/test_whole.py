"""What a container on the vfs driver changed is found by comparing its tree with the image's."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.entries import ROOT, Entry
from podman_checkpoint_operator.archive.rootfs import Deletion, RootfsDiff
from podman_checkpoint_operator.archive.whole import whole_changes
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.trees import ACTIONS, Step, look
from tests.unit.archive.podman_import import apply
from tests.unit.archive.trees import FEW_PATHS, steps

CHANGES = steps(paths=st.sampled_from(FEW_PATHS))
# An image has no sockets: its layers are tars.
BUILDS = steps(
    paths=st.sampled_from(FEW_PATHS), actions=[name for name in ACTIONS if name != "socket"]
)


class Trees:
    """An image's tree, and a container's that begins as its copy."""

    def __init__(self, directory: Path) -> None:
        self.image, self.container = directory / "image", directory / "container"
        (self.image / "etc").mkdir(parents=True)
        (self.image / "etc/passwd").write_text("root")
        (self.image / "etc/group").hardlink_to(self.image / "etc/passwd")
        (self.image / "etc/link").symlink_to("passwd")

    def start(self) -> None:
        """Copy the tree, as Podman does when it makes a container."""
        copy_tree(self.image, self.container)

    def changes(self) -> list[str]:
        """Return all changes but the root's entry; deletions with a minus, placeholders marked."""
        *changes, root = whole_changes(RootfsDiff(self.container, (self.image,), whole=True))
        assert root == Entry(ROOT, bytes(self.container))
        return [
            f"-{change.path}"
            if isinstance(change, Deletion)
            else os.fsdecode(change.name) + ("" if change.path else " (placeholder)")
            for change in changes
            if isinstance(change, Deletion) or not change.removes
        ]


def copy_tree(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    trees = Trees(tmp_path)
    trees.start()
    return trees


@settings(max_examples=80)
@given(image=BUILDS, container=CHANGES, follow=st.booleans())
def test_any_change_survives(image: list[Step], container: list[Step], follow: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        trees, restored = Trees(Path(name)), Path(name) / "restored"
        for step in image:
            step.run(trees.image)
        if any(not path.name.isprintable() for path in trees.image.iterdir()):
            return  # refused, should the container delete it
        trees.start()
        copy_tree(trees.image, restored)
        for step in container:
            step.run(trees.container)

        changes = whole_changes(RootfsDiff(trees.container, (trees.image,), whole=True))
        apply(changes, restored, follow=follow)

        there = look(trees.container, sockets=False, holes=False, directory_times=True)
        assert look(restored, holes=False, directory_times=True) == there


def test_nothing_changed(trees: Trees) -> None:
    assert trees.changes() == []


def test_a_change_without_a_trace_in_size_and_time(trees: Trees) -> None:
    path = trees.container / "etc/passwd"
    before = path.stat()
    path.write_text("toor")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # The other name of the file, too; their directory's time is to be set after them.
    assert trees.changes() == ["etc/group", "etc/passwd", "etc"]


def test_metadata_alone(trees: Trees) -> None:
    os.setxattr(trees.container / "etc/passwd", "user.any", b"x")
    (trees.container / "etc/link").unlink()
    (trees.container / "etc/link").symlink_to("group")
    assert trees.changes() == ["etc/group", "etc/link", "etc/passwd", "etc"]


def test_names_that_are_one_file_no_more(trees: Trees) -> None:
    path = trees.container / "etc/passwd"
    before = path.stat()
    path.unlink()
    path.write_text("root")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert trees.changes() == ["etc/group", "etc/passwd", "etc"]


def test_deletions(trees: Trees) -> None:
    for name in ("passwd", "link"):
        (trees.container / "etc" / name).unlink()
    assert trees.changes() == [
        "etc/group",
        "etc/link (placeholder)",
        "-/etc/link",
        "-/etc/passwd",
        "etc",
    ]


def test_deletion_that_json_cannot_name_rewrites_the_directory(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    (trees.image / "etc/\udcff").touch()
    trees.start()
    (trees.container / "etc/\udcff").unlink()
    assert trees.changes() == ["etc (placeholder)", "etc", "etc/group", "etc/link", "etc/passwd"]


def test_deletion_in_the_root_that_json_cannot_name_is_refused(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    (trees.image / "\udcff").touch()
    trees.start()
    (trees.container / "\udcff").unlink()
    with pytest.raises(OperationFailed, match="not UTF-8") as caught:
        trees.changes()
    assert caught.value.cause is Cause.UNSUPPORTED_FILE


def test_files_that_podman_makes_are_left_out(trees: Trees) -> None:
    (trees.container / "etc/hosts").touch()
    (trees.container / "proc").mkdir()
    assert trees.changes() == ["etc", "proc"]


def test_a_socket_in_place_of_a_file_deletes_it(trees: Trees) -> None:
    (trees.container / "etc/link").unlink()
    os.mknod(trees.container / "etc/link", stat.S_IFSOCK | 0o700)
    assert trees.changes() == ["etc/link (placeholder)", "-/etc/link", "etc"]
