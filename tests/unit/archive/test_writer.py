"""An archive has Podman's members in a good order, the right sizes and digest, and nothing staged.

Python's own tar and compression readers check the format; that Podman takes it is for the lab.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.capture import capture_tree
from podman_checkpoint_operator.archive.entries import tree_entries
from podman_checkpoint_operator.archive.tarstream import TreeTar
from podman_checkpoint_operator.archive.tarwalk import TarWalk
from podman_checkpoint_operator.archive.writer import ArchiveSources, write_archive
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.trees import Step, look
from tests.unit.archive.checkpoints import PAGES, archive, make_sources, minimal
from tests.unit.archive.podman_import import unpack
from tests.unit.archive.trees import steps

DECOMPRESS: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.ZSTD: zstd.decompress,
    Compression.GZIP: gzip.decompress,
    Compression.NONE: bytes,
}


@pytest.fixture
def sources(tmp_path: Path) -> ArchiveSources:
    return make_sources(tmp_path)


def members(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        read = {}
        for member in tar:
            file = tar.extractfile(member)
            read[member.name] = file.read() if file else b""
        return read


def test_members_come_in_order_metadata_first(sources: ArchiveSources) -> None:
    content, _ = archive(sources)
    assert list(members(content)) == [
        "podman-checkpoint.dev.json",
        "config.dump",
        "spec.dump",
        "network.status",
        "stats-dump",
        "devshm-checkpoint.tar",
        "ctr.log",
        "artifacts",
        "checkpoint",
        "checkpoint/inventory.img",
        "checkpoint/pages-1.img",
        "rootfs-diff.tar",
        "deleted.files",
        "volumes",
        "volumes/data.tar",
    ]


def test_contents_arrive(sources: ArchiveSources, tmp_path: Path) -> None:
    os.mknod(tmp_path / "upper/gone", 0o020000, 0)
    (tmp_path / "lower/gone").write_text("image")

    read = members(archive(sources)[0])

    assert read["checkpoint/pages-1.img"] == PAGES
    assert json.loads(read["deleted.files"]) == ["/gone"]
    assert members(read["rootfs-diff.tar"]) == {"": b"", "state": b"container"}
    assert members(read["volumes/data.tar"]) == {"": b"", "table": b"rows"}


def test_only_the_required_sources(sources: ArchiveSources) -> None:
    content, _ = archive(minimal(sources))
    assert list(members(content)) == [
        "config.dump",
        "spec.dump",
        "checkpoint",
        "checkpoint/inventory.img",
        "checkpoint/pages-1.img",
    ]


def test_a_capture_of_dev_shm_takes_the_place_of_podmans_tar(
    sources: ArchiveSources, tmp_path: Path
) -> None:
    shm, restored = tmp_path / "shm", tmp_path / "restored"
    shm.mkdir(mode=0o1777)
    restored.mkdir()
    (shm / "file").write_text("memory")
    os.utime(shm / "file", ns=(0, 1_500_000_000_123_456_789))

    content, _ = archive(replace(sources, devshm=shm))

    names = list(members(content))
    assert names.count("devshm-checkpoint.tar") == 1
    assert names.index("devshm-checkpoint.tar") < names.index("checkpoint")
    unpack(members(content)["devshm-checkpoint.tar"], restored)
    assert look(restored, directory_times=True) == look(shm, directory_times=True)


def test_members_are_private_to_root(sources: ArchiveSources) -> None:
    content, _ = archive(sources)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            assert member.mode == (0o700 if member.isdir() else 0o600)
            assert (member.uid, member.gid) == (0, 0)


@pytest.mark.parametrize("compression", Compression)
def test_digest_and_sizes_are_those_of_the_output(
    sources: ArchiveSources, compression: Compression
) -> None:
    content, written = archive(sources, compression)
    plain = DECOMPRESS[compression](content)

    assert written.size_bytes == len(content)
    assert written.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert written.plain_bytes == len(plain)
    assert "checkpoint/pages-1.img" in members(plain)


def test_same_sources_make_the_same_tar(sources: ArchiveSources) -> None:
    assert archive(sources)[0] == archive(sources)[0]


def test_progress_can_cancel(sources: ArchiveSources) -> None:
    seen: list[int] = []

    def progress(plain_bytes: int) -> None:
        seen.append(plain_bytes)
        if plain_bytes > 100_000:
            raise KeyboardInterrupt

    out = io.BytesIO()
    with pytest.raises(KeyboardInterrupt):
        write_archive(sources, out, compression=Compression.NONE, progress=progress)
    assert seen == sorted(seen)
    assert len(out.getvalue()) == seen[-1]


@pytest.mark.parametrize("change", [b"", b"2024 stdout F more\n" * 10_000])
def test_log_that_changes_meanwhile_does_no_harm(sources: ArchiveSources, change: bytes) -> None:
    assert sources.log is not None
    log = sources.log
    before = log.stat().st_size

    def rotate(_: int) -> None:
        log.write_bytes(change)

    out = io.BytesIO()
    # The container logs again as soon as the first byte of the archive is written.
    write_archive(sources, out, compression=Compression.NONE, progress=rotate)
    assert len(members(out.getvalue())["ctr.log"]) in (before, len(change))


def test_shrinking_source_is_an_error(sources: ArchiveSources) -> None:
    pages = sources.checkpoint_dir / "pages-1.img"

    def shrink(plain_bytes: int) -> None:
        if plain_bytes > 50_000:
            os.truncate(pages, 2_000)

    pages.write_bytes(bytes(4 << 20))
    with pytest.raises(OperationFailed, match=r"pages-1\.img lost \d+ of 4194304 bytes"):
        write_archive(sources, io.BytesIO(), compression=Compression.NONE, progress=shrink)


@pytest.mark.parametrize("change", [b"other", b"longer than it was"])
def test_a_source_that_somebody_writes_to_is_an_error(tmp_path: Path, change: bytes) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    row = shared / "row"
    row.write_bytes(b"first")
    os.utime(row, ns=(1, 1))

    tar = TreeTar(lambda: tree_entries(shared)).chunks()
    while bytes(next(tar)) != b"first":
        pass
    row.write_bytes(change)
    with pytest.raises(OperationFailed, match="row was written to while") as caught:
        next(tar)
    assert caught.value.cause is Cause.SOURCE_CHANGED
    assert "SharedMounts" in caught.value.remedy


def test_missing_source_is_explained(sources: ArchiveSources) -> None:
    with pytest.raises(OperationFailed, match=r"Cannot read .*no-such: No such file"):
        archive(replace(sources, config_dump=sources.config_dump.with_name("no-such")))


def test_memory_that_was_copied_before_is_found_by_its_link(
    sources: ArchiveSources, tmp_path: Path
) -> None:
    before = sources.checkpoint_dir.with_name("pre-checkpoint")
    before.mkdir()
    (before / "pages-1.img").write_bytes(b"before")
    (sources.checkpoint_dir / "parent").symlink_to("../pre-checkpoint")
    content, _ = archive(replace(sources, pre_checkpoint_dir=before))
    target = tmp_path / "bundle"
    target.mkdir()
    unpack(content, target)
    assert (target / "checkpoint/parent/pages-1.img").read_bytes() == b"before"
    assert (target / "checkpoint/pages-1.img").read_bytes() == PAGES
    walk = TarWalk()
    walk.feed(content)
    walk.close()


def test_symlink_among_the_images_is_refused(sources: ArchiveSources) -> None:
    (sources.checkpoint_dir / "pages-9.img").symlink_to("/etc/shadow")
    with pytest.raises(OperationFailed, match="neither a file nor a directory") as caught:
        archive(sources)
    assert caught.value.cause is Cause.UNSUPPORTED_FILE


@settings(max_examples=40)
@given(steps())
def test_any_volume_survives_capture_archive_and_import(actions: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        sources = make_sources(directory)
        volume, stage, restored = (directory / n for n in ("volume", "stage", "restored"))
        volume.chmod(0o1770)
        for step in actions:
            step.run(volume)

        capture_tree(volume, stage)
        content, _ = archive(replace(sources, volumes={"data": stage}))
        restored.mkdir()
        unpack(members(content)["volumes/data.tar"], restored)

        assert look(restored, holes=False) == look(volume, sockets=False, holes=False)
