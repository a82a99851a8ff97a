"""Bind mounts in an archive: laid down exactly, by this operator, and kept from Podman."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive import members
from podman_checkpoint_operator.archive.bind_mounts import bind_tar, read_index, up_to
from podman_checkpoint_operator.archive.capture import capture_file
from podman_checkpoint_operator.archive.laying import lay, lay_members
from podman_checkpoint_operator.archive.reader import bind_mounts_in, open_plain, verify
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.trees import Step, look
from tests.unit.archive.checkpoints import archive, make_sources
from tests.unit.archive.trees import steps


def tar_of(path: Path) -> bytes:
    return b"".join(map(bytes, bind_tar(path).chunks()))


def laid(content: bytes, target: Path) -> None:
    with tarfile.open(
        fileobj=io.BytesIO(content), mode="r|", encoding="utf-8", errors="surrogateescape"
    ) as tree:
        lay(tree, target)


@settings(max_examples=60)
@given(steps())
def test_any_tree_is_laid_down_as_it_was(actions: list[Step]) -> None:
    """But for sockets, which no tar can hold."""
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory) / "source", Path(directory) / "target"
        source.mkdir(mode=0o751)
        for step in actions:
            step.run(source)

        laid(tar_of(source), target)

        assert look(target) == look(source, sockets=False)


def test_holes_are_holes_again(tmp_path: Path) -> None:
    (tmp_path / "sparse").write_bytes(b"begin")
    os.truncate(tmp_path / "sparse", 64 << 20)

    laid(tar_of(tmp_path / "sparse"), tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == (tmp_path / "sparse").read_bytes()
    assert (tmp_path / "copy").stat().st_blocks * 512 < 1 << 20


@pytest.mark.parametrize(
    "names",
    [["/", "../evil"], ["/", "a/evil"], ["/", "link/evil"], ["/", "/etc/evil"], ["one", "two"], []],
    ids=str,
)
def test_nothing_is_written_outside_of_the_target(tmp_path: Path, names: list[str]) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            if name == "/":
                info.type = tarfile.DIRTYPE
            tar.addfile(info)
            if name == "/":
                link = tarfile.TarInfo("link")
                link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
                tar.addfile(link)
    (tmp_path / "etc").mkdir()

    with pytest.raises(OperationFailed) as failure:
        laid(out.getvalue(), tmp_path / "target")

    assert failure.value.cause is Cause.ARCHIVE_CORRUPT
    assert not [path for path in tmp_path.rglob("*evil*") if "target" not in path.parts]


@pytest.mark.parametrize("compression", list(Compression))
def test_through_an_archive(tmp_path: Path, compression: Compression) -> None:
    data, conf = tmp_path / "srv/data", tmp_path / "srv/app.conf"
    (data / "sub").mkdir(parents=True)
    (data / "sub/rows").write_bytes(b"rows" * 100_000)
    conf.write_text("[app]\n")
    conf.chmod(0o640)
    binds = {Path("/srv/data"): data, Path("/etc/app.conf"): conf}
    sources = make_sources(tmp_path / "bundle")
    without, _ = archive(sources)
    content, written = archive(replace(sources, bind_mounts=binds), compression)
    file = tmp_path / "archive"
    file.write_bytes(content)

    verified = verify(file, written.digest)

    assert bind_mounts_in(file) == verified.bind_mounts
    assert {(each.source, each.is_directory) for each in verified.bind_mounts} == {
        (Path("/srv/data"), True),
        (Path("/etc/app.conf"), False),
    }
    with open_plain(file, written.digest) as plain:
        podmans = b"".join(up_to(plain, verified.podmans_bytes))
    with tarfile.open(fileobj=io.BytesIO(podmans)) as tar:
        names = tar.getnames()
    with tarfile.open(fileobj=io.BytesIO(without)) as tar:
        assert [name for name in names if name != members.BIND_MOUNTS_INDEX] == tar.getnames()
    targets = {each.member: tmp_path / each.source.name for each in verified.bind_mounts}
    with open_plain(file, written.digest) as plain:
        lay_members(plain, targets)
    assert look(tmp_path / "data") == look(data)
    assert (tmp_path / "app.conf").read_text() == "[app]\n"
    assert stat.S_IMODE((tmp_path / "app.conf").stat().st_mode) == 0o640


def test_an_archive_without_bind_mounts_is_podmans_as_a_whole(tmp_path: Path) -> None:
    content, written = archive(make_sources(tmp_path / "bundle"))
    (tmp_path / "archive").write_bytes(content)

    verified = verify(tmp_path / "archive", written.digest)

    assert verified.podmans_bytes == verified.plain_bytes == len(content)
    assert verified.bind_mounts == ()


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b'[{"source": "/a"}]',
        b'[{"source": "a", "directory": true, "member": "m", "sizeBytes": 1}]',
        b'[{"source": "/a/../b", "directory": true, "member": "m", "sizeBytes": 1}]',
    ],
)
def test_a_damaged_index_is_refused(document: bytes) -> None:
    with pytest.raises(OperationFailed) as failure:
        read_index(document)

    assert failure.value.cause is Cause.ARCHIVE_CORRUPT


def test_a_single_file_is_captured_exactly(tmp_path: Path) -> None:
    source = tmp_path / "app.conf"
    source.write_text("[app]\n")
    source.chmod(0o4750)
    os.utime(source, ns=(1, 1_234_567_890_123_456_789))
    (tmp_path / "stage").mkdir()

    capture_file(source, tmp_path / "stage/app.conf")

    copy = (tmp_path / "stage/app.conf").stat()
    assert (copy.st_mode, copy.st_mtime_ns) == (source.stat().st_mode, source.stat().st_mtime_ns)
    with pytest.raises(OperationFailed, match="gone"):
        capture_file(tmp_path / "gone", tmp_path / "stage/gone")
