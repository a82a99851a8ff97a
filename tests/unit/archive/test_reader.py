"""A good archive is read back; a bad one is always refused, with the plainest cause.

Random damage stands for every kind of it: bytes flipped, ends cut, in all three formats.
"""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.reader import open_plain, read_metadata, verify
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.unit.archive.checkpoints import ID, archive, make_sources, minimal

DECOMPRESS: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.ZSTD: zstd.decompress,
    Compression.GZIP: gzip.decompress,
    Compression.NONE: bytes,
}
REFUSED = {Cause.ARCHIVE_CORRUPT, Cause.ARCHIVE_TRUNCATED, Cause.ARCHIVE_DIGEST_MISMATCH}


@functools.cache
def stored(compression: Compression) -> tuple[bytes, str]:
    """Return a good archive and its digest."""
    with tempfile.TemporaryDirectory() as directory:
        content, written = archive(make_sources(Path(directory)), compression)
    return content, written.digest


def check(content: bytes, digest: str | None, path: Path) -> Cause | None:
    """Return why an archive is refused."""
    path.write_bytes(content)
    try:
        verify(path, digest)
    except OperationFailed as error:
        return error.cause
    return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.mark.parametrize("compression", Compression)
def test_good_archive_is_verified(path: Path, compression: Compression) -> None:
    content, digest = stored(compression)
    path.write_bytes(content)

    verified = verify(path, digest)

    assert verified.compression is compression
    assert verified.digest == digest
    assert verified.size_bytes == len(content)
    assert verified.plain_bytes == len(stored(Compression.NONE)[0])
    assert verified.metadata.id == ID


@pytest.mark.parametrize("compression", Compression)
def test_plain_tar_is_what_was_compressed(path: Path, compression: Compression) -> None:
    content, digest = stored(compression)
    path.write_bytes(content)
    with open_plain(path, digest) as plain:
        assert b"".join(plain) == DECOMPRESS[compression](content)


def test_archive_as_podman_orders_it(tmp_path: Path, path: Path) -> None:
    sources = make_sources(tmp_path)
    with tarfile.open(path, "w:gz") as tar:
        assert sources.devshm_tar is not None
        for file in (sources.devshm_tar, sources.config_dump, sources.spec_dump):
            tar.add(file, file.name)
        tar.add(sources.checkpoint_dir, "./checkpoint")

    assert verify(path, None).metadata.id == read_metadata(path).id == ID


@settings(max_examples=150)
@given(st.sampled_from(Compression), st.data())
def test_flipped_bytes_are_refused(compression: Compression, data: st.DataObject) -> None:
    content, digest = stored(compression)
    damaged = bytearray(content)
    for position in data.draw(st.sets(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        damaged[position] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as directory:
        assert check(bytes(damaged), digest, Path(directory) / "archive") in REFUSED


@settings(max_examples=150)
@given(st.sampled_from(Compression), st.booleans(), st.data())
def test_cut_archives_are_truncated(
    compression: Compression, digest_known: bool, data: st.DataObject
) -> None:
    content, digest = stored(compression)
    # The last 1024 bytes of a plain tar may miss all but the first 512 and still mark its end.
    most = len(content) - (513 if compression is Compression.NONE else 1)
    length = data.draw(st.integers(0, most))
    with tempfile.TemporaryDirectory() as directory:
        cause = check(
            content[:length], digest if digest_known else None, Path(directory) / "archive"
        )
    assert cause is Cause.ARCHIVE_TRUNCATED


@pytest.mark.parametrize("compression", Compression)
def test_added_bytes_are_refused(path: Path, compression: Compression) -> None:
    content, digest = stored(compression)
    assert check(content + b"x" * 600, digest, path) is Cause.ARCHIVE_DIGEST_MISMATCH
    assert check(content + b"x" * 600, None, path) is Cause.ARCHIVE_CORRUPT


def test_another_good_archive_is_a_digest_mismatch(tmp_path: Path, path: Path) -> None:
    other, _ = archive(minimal(make_sources(tmp_path)))
    _, digest = stored(Compression.NONE)
    assert check(other, digest, path) is Cause.ARCHIVE_DIGEST_MISMATCH


@pytest.mark.parametrize(
    "content",
    [b"no tar at all" * 100, b"\x28\xb5\x2f\xfd" + b"x" * 1000, b"\x1f\x8b" + b"x" * 1000],
)
def test_anything_else_is_corrupt(path: Path, content: bytes) -> None:
    assert check(content, None, path) is Cause.ARCHIVE_CORRUPT


@pytest.mark.parametrize("missing", ["config.dump", "spec.dump", "checkpoint/inventory.img"])
def test_tar_that_is_no_checkpoint_is_corrupt(path: Path, missing: str) -> None:
    with tarfile.open(path, "w") as tar:
        for name in {"config.dump", "spec.dump", "checkpoint/inventory.img"} - {missing}:
            info = tarfile.TarInfo(name)
            info.size = 2
            tar.addfile(info, io.BytesIO(b"{}"))
    with pytest.raises(OperationFailed, match=f"archive: .*{missing} is missing") as caught:
        verify(path, None)
    assert caught.value.cause is Cause.ARCHIVE_CORRUPT
    assert caught.value.remedy


def test_damage_breaks_the_stream_off_instead_of_ending_it(path: Path) -> None:
    content, digest = stored(Compression.NONE)
    damaged = bytearray(content)
    damaged[-200_000] ^= 1  # in the memory pages, where no structure notices
    path.write_bytes(damaged)
    received: list[bytes] = []
    with (
        open_plain(path, digest) as plain,
        pytest.raises(OperationFailed, match="is not the one that was stored") as caught,
    ):
        received.extend(plain)
    assert caught.value.cause is Cause.ARCHIVE_DIGEST_MISMATCH
    assert b"".join(received) == damaged


def test_missing_archive(path: Path) -> None:
    with pytest.raises(OperationFailed, match="There is no archive") as caught:
        open_plain(path, None)
    assert caught.value.cause is Cause.ARCHIVE_MISSING


@pytest.mark.parametrize("compression", Compression)
def test_metadata_are_read_from_the_head(path: Path, compression: Compression) -> None:
    content, _ = stored(compression)
    # Half of the memory pages do not compress, so little of the metadata is in the second half.
    path.write_bytes(content[: len(content) // 2 if compression is Compression.NONE else -10])
    assert read_metadata(path).name == "sql1"


def test_progress_tells_stored_bytes_and_can_cancel(path: Path) -> None:
    content, digest = stored(Compression.NONE)
    path.write_bytes(content)
    seen: list[int] = []
    verify(path, digest, progress=seen.append)
    assert seen[-1] == len(content)

    def cancel(_: int) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        verify(path, digest, progress=cancel)
