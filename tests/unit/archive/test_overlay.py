"""What a container changed comes out of ``rootfs-diff.tar`` and ``deleted.files`` again.

The kernel's overlay is the judge: random changes are made through a mounted overlay, the archive's
parts are applied over a second mount of the same image as Podman applies them, and the two must
look the same. Where mounting is not allowed, the hand-made layers below are what is left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.entries import ROOT, Entry
from podman_checkpoint_operator.archive.overlay import overlay_changes
from podman_checkpoint_operator.archive.rootfs import Deletion, RootfsDiff
from podman_checkpoint_operator.archive.tarstream import TreeTar
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.trees import ACTIONS, Step, look
from tests.unit.archive.podman_import import apply
from tests.unit.archive.trees import FEW_PATHS, steps

CHANGES = steps(
    paths=st.sampled_from(FEW_PATHS),
    actions=[*ACTIONS, *["remove", "rename", "directory", "file", "mode"] * 3],
)

PLAIN = "redirect_dir=off,metacopy=off"
FEDORA = "redirect_dir=on,metacopy=on"
"""What ``metacopy=on`` in Fedora's storage.conf comes to."""


@contextlib.contextmanager
def overlay(where: Path, lowers: list[Path], options: str = PLAIN) -> Iterator[tuple[Path, Path]]:
    """Mount an overlay with a new upper directory; yield the mount point and that."""
    merged, upper, work = (where / name for name in ("merged", "upper", "work"))
    for directory in (where, merged, upper, work):
        directory.mkdir()
    shutil.copystat(lowers[0], upper)
    options += f",lowerdir={':'.join(map(str, lowers))},upperdir={upper},workdir={work}"
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)],
        check=True,
        capture_output=True,
    )
    try:
        yield merged, upper
    finally:
        subprocess.run(["umount", str(merged)], check=True)


def may_mount() -> bool:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "lower").mkdir()
        try:
            with overlay(Path(directory) / "probe", [Path(directory) / "lower"]):
                return True
        except (subprocess.CalledProcessError, OSError):
            return False


def make_base(root: Path) -> None:
    """Make an image layer that has something at most of the random paths."""
    (root / "a/a").mkdir(parents=True)
    (root / "a/a/a").write_text("file")
    (root / "a/b").symlink_to("a/a")
    (root / "a/\udcff").write_text("not UTF-8")
    (root / "b").write_text("file")


@pytest.mark.skipif(not may_mount(), reason="overlay file systems cannot be mounted here")
@settings(max_examples=100)
@given(
    image=st.lists(CHANGES, max_size=2),
    container=CHANGES,
    options=st.sampled_from([PLAIN, FEDORA]),
    follow=st.booleans(),
)
def test_any_change_survives(
    image: list[list[Step]], container: list[Step], options: str, follow: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        lowers = [directory / "base"]
        make_base(lowers[0])
        for number, layer in enumerate(image):
            with overlay(directory / f"layer{number}", lowers) as (merged, upper):
                for step in layer:
                    step.run(merged)
            lowers.insert(0, upper)

        with overlay(directory / "container", lowers, options) as (merged, upper):
            for step in container:
                step.run(merged)
            expected = look(merged, sockets=False, holes=False, directory_times=True)
        with overlay(directory / "restored", lowers) as (merged, _):
            changes = overlay_changes(RootfsDiff(upper, tuple(lowers)))
            apply(changes, merged, follow=follow)
            there = look(merged, sockets=False, holes=False, directory_times=True)
            assert there == expected


class Layers:
    """Hand-made layers: what the kernel would leave behind, without a kernel."""

    def __init__(self, directory: Path) -> None:
        self.upper, self.lower = directory / "upper", directory / "lower"
        self.upper.mkdir()
        self.lower.mkdir()
        self.diff = RootfsDiff(self.upper, (self.lower,))

    def image(self, path: str, content: str = "image") -> None:
        (self.lower / path).parent.mkdir(parents=True, exist_ok=True)
        (self.lower / path).write_text(content)

    def changed(self, path: str, content: str = "container") -> None:
        (self.upper / path).parent.mkdir(parents=True, exist_ok=True)
        (self.upper / path).write_text(content)

    def whiteout(self, path: str) -> None:
        (self.upper / path).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(self.upper / path, stat.S_IFCHR, 0)

    def note(self, path: str, name: str, value: bytes) -> None:
        os.setxattr(self.upper / path, f"user.overlay.{name}", value)

    def changes(self) -> tuple[list[str], list[str]]:
        """Return names of all entries but the root, placeholders marked, and deleted paths."""
        root, *changes = overlay_changes(self.diff)
        assert root == Entry(ROOT, bytes(self.upper))
        entries = [
            os.fsdecode(change.name) + ("" if change.path else " (placeholder)")
            for change in changes
            if isinstance(change, Entry) and not change.removes
        ]
        return entries, [change.path for change in changes if isinstance(change, Deletion)]


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path)


def test_nothing_changed(layers: Layers) -> None:
    layers.image("etc/passwd")
    assert layers.changes() == ([], [])


def test_changed_file_of_the_image_is_included(layers: Layers) -> None:
    layers.image("opt/app/state.txt")
    layers.changed("opt/app/state.txt")
    assert layers.changes() == (["opt", "opt/app", "opt/app/state.txt"], [])


def test_whiteout_becomes_a_deletion(layers: Layers) -> None:
    layers.image("etc/motd")
    layers.whiteout("etc/motd")
    assert layers.changes() == (["etc"], ["/etc/motd"])


def test_whiteout_of_nothing_is_no_deletion(layers: Layers) -> None:
    layers.whiteout("etc/motd")
    assert layers.changes() == (["etc"], [])


def test_deleted_and_recreated_is_not_deleted(layers: Layers) -> None:
    layers.image("data/old/file")
    layers.changed("data/old")
    assert layers.changes() == (["data", "data/old"], [])


def test_opaque_directory_starts_empty(layers: Layers) -> None:
    layers.image("data/old")
    layers.changed("data/new")
    layers.note("data", "opaque", b"y")
    assert layers.changes() == (["data (placeholder)", "data", "data/new"], [])


def test_deleted_symlink_becomes_a_file_first(layers: Layers) -> None:
    (layers.lower / "etc").mkdir()
    (layers.lower / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    layers.whiteout("etc/localtime")
    assert layers.changes() == (["etc", "etc/localtime (placeholder)"], ["/etc/localtime"])


def test_deletion_that_json_cannot_name_rewrites_the_directory(layers: Layers) -> None:
    layers.image("etc/\udcff")
    layers.image("etc/kept")
    layers.whiteout("etc/\udcff")
    assert layers.changes() == (["etc (placeholder)", "etc", "etc/kept"], [])


def test_deletion_in_the_root_that_json_cannot_name_is_refused(layers: Layers) -> None:
    layers.image("\udcff")
    layers.whiteout("\udcff")
    with pytest.raises(OperationFailed, match="not UTF-8") as caught:
        layers.changes()
    assert caught.value.cause is Cause.UNSUPPORTED_FILE


def test_renamed_directory_is_written_out(layers: Layers) -> None:
    layers.image("old/of-image")
    layers.whiteout("old")
    layers.changed("new/of-container")
    layers.note("new", "redirect", b"/old")
    assert layers.changes() == (["new", "new/of-container", "new/of-image"], ["/old"])


def test_metacopy_takes_its_content_from_the_image(layers: Layers) -> None:
    layers.image("bin/tool", "program")
    layers.changed("bin/tool", "")
    os.truncate(layers.upper / "bin/tool", len("program"))
    layers.note("bin/tool", "metacopy", b"")
    tar = TreeTar(lambda: (c for c in overlay_changes(layers.diff) if isinstance(c, Entry)))
    assert b"program" in b"".join(bytes(chunk) for chunk in tar.chunks())


def test_metacopy_without_content_is_explained(layers: Layers) -> None:
    layers.changed("tool")
    layers.note("tool", "metacopy", b"")
    with pytest.raises(OperationFailed, match="lies in a lower layer") as caught:
        layers.changes()
    assert caught.value.cause is Cause.UNSUPPORTED_STORAGE_DRIVER


@pytest.mark.parametrize("path", ["etc/hosts", "etc/hostname", "etc/resolv.conf"])
def test_files_that_podman_makes_are_left_out(layers: Layers, path: str) -> None:
    layers.image(path)
    layers.changed(path, "")
    assert layers.changes() == (["etc"], [])


def test_mount_points_of_podman_are_never_deleted(layers: Layers) -> None:
    layers.image("run/secrets/x")
    layers.whiteout("run")
    assert layers.changes() == ([], [])


def test_socket_in_place_of_a_file_deletes_it(layers: Layers) -> None:
    layers.image("run/app.sock", "stale")
    (layers.upper / "run").mkdir()
    os.mknod(layers.upper / "run/app.sock", stat.S_IFSOCK | 0o700)
    assert layers.changes() == (["run"], ["/run/app.sock"])
