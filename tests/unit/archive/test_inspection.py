"""Looking into an archive: everything it says in one pass, no secret, and no damage unnoticed."""

from __future__ import annotations

import io
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.api.common import Compression
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive import inspection
from podman_checkpoint_operator.archive.inspection import inspect
from podman_checkpoint_operator.archive.rootfs import RootfsDiff
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.unit.archive.checkpoints import (
    CONFIG,
    ID,
    IMAGE_ID,
    SPEC,
    archive,
    make_sources,
    minimal,
)
from tests.unit.archive.test_tarwalk import tar_of
from tests.unit.criu.checkpoint_images import IMAGES, SECRET
from tests.unit.criu.test_statistics import DUMP

if TYPE_CHECKING:
    from podman_checkpoint_operator.archive.writer import ArchiveSources

MIB = 1024 * 1024


@pytest.fixture
def sources(tmp_path: Path) -> ArchiveSources:
    """Everything that an archive can hold, secrets at every place included."""
    sources = make_sources(tmp_path)
    for name, content in IMAGES.items():
        (sources.checkpoint_dir / name).write_bytes(content)
    process = {"args": ["serve", "--password", SECRET], "env": [f"TOKEN={SECRET}", "PATH=/bin"]}
    annotations = {"token": SECRET}
    sources.spec_dump.write_text(
        json.dumps({**SPEC, "process": process, "annotations": annotations})
    )
    config = {
        **CONFIG,
        "createdTime": "2026-11-23T01:00:31Z",
        "command": ["serve", "--password", SECRET],
        "CreateCommand": ["podman", "run", "--env", f"TOKEN={SECRET}"],
        "labels": {"token": SECRET},
    }
    sources.config_dump.write_text(json.dumps(config))
    assert sources.stats_dump is not None
    sources.stats_dump.write_bytes(DUMP)
    host = {"nodeName": "host-a", "namespace": "default", "name": "saved", "criuVersion": "4.2.1"}
    return replace(sources, origin=host)


def failure(content: bytes) -> OperationFailed:
    with pytest.raises(OperationFailed) as caught:
        inspect(io.BytesIO(content))
    return caught.value


@pytest.mark.parametrize("compression", Compression)
def test_everything_is_told(sources: ArchiveSources, compression: Compression) -> None:
    content, written = archive(sources, compression)
    report = inspect(io.BytesIO(content))
    assert report.archive.digest == written.digest
    assert (report.archive.size_bytes, report.archive.compression) == (len(content), compression)
    container = report.container
    assert (container.id, container.name, container.image_id) == (ID, "sql1", IMAGE_ID)
    assert (container.command, container.argument_count) == ("serve", 2)
    assert container.environment == ("TOKEN", "PATH")
    assert (container.created, container.architecture) == ("2026-11-23T01:00:31Z", "amd64")
    assert container.networks[0].addresses == ("10.88.0.9/16",)
    assert (container.ports[0].host_ip, container.ports[0].host_port) == (None, 15432)
    assert [(each.source, each.included) for each in container.bind_mounts] == [
        ("/srv/mssql", False)
    ]
    assert report.origin is not None
    assert (report.origin.node_name, report.origin.criu_version) == ("host-a", "4.2.1")
    assert report.origin.podman_version is None
    checkpoint = report.checkpoint
    assert (checkpoint.process_count, checkpoint.connections, checkpoint.file_locks) == (3, 1, 2)
    assert checkpoint.time is not None
    assert checkpoint.memory_bytes == len(IMAGES["pages-1.img"])
    assert report.statistics is not None
    assert report.statistics.pages_written == 33
    assert report.file_system is not None
    assert report.file_system.paths == ("/state",)
    (volume,) = report.volumes
    assert (volume.name, volume.included, volume.files, volume.size_bytes) == ("data", True, 1, 4)
    assert report.dev_shm is not None
    assert report.dev_shm.files == 0
    assert report.incomplete == ()


def test_bind_mounts_in_the_archive_are_counted(sources: ArchiveSources, tmp_path: Path) -> None:
    (tmp_path / "bound").mkdir()
    (tmp_path / "bound" / "rows").write_bytes(b"12345")
    whole = replace(sources, bind_mounts={Path("/srv/mssql"): tmp_path / "bound"})
    (mount,) = inspect(io.BytesIO(archive(whole)[0])).container.bind_mounts
    assert (mount.included, mount.files, mount.size_bytes) == (True, 1, 5)


def test_no_secret_is_told(sources: ArchiveSources) -> None:
    assert SECRET not in json.dumps(inspect(io.BytesIO(archive(sources)[0])).dump())


def test_what_is_missing_is_left_out(sources: ArchiveSources) -> None:
    report = inspect(io.BytesIO(archive(minimal(sources))[0]))
    assert (report.origin, report.statistics, report.file_system) == (None, None, None)
    assert not report.volumes[0].included
    assert not {"origin", "statistics", "fileSystem", "devShm"} & report.dump().keys()


def test_long_lists_are_counted(
    sources: ArchiveSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "MAX_PATHS", 3)
    for number in range(5):
        (tmp_path / "upper" / f"new-{number}").write_bytes(b"12")
    whole = replace(sources, rootfs=RootfsDiff(tmp_path / "upper", (tmp_path / "lower",)))
    found = inspect(io.BytesIO(archive(whole)[0])).file_system
    assert found is not None
    assert len(found.paths) == 3
    assert found.files == 6


def test_deleted_files_are_named(sources: ArchiveSources) -> None:
    members = {
        **{name: b"inventory" for name in ("checkpoint/inventory.img",)},
        "config.dump": sources.config_dump.read_bytes(),
        "spec.dump": sources.spec_dump.read_bytes(),
        "deleted.files": b'["/etc/passwd", "/\\ud800"]',
    }
    found = inspect(io.BytesIO(tar_of(*members.items()))).file_system
    assert found is not None
    assert found.deleted == ("/etc/passwd", "/\\ud800")
    assert (found.deleted_count, found.files) == (2, 0)


class TestDamage:
    @pytest.mark.parametrize("name", ["files.img", "pstree.img"])
    def test_of_an_image_is_told_beside_the_rest(self, sources: ArchiveSources, name: str) -> None:
        (sources.checkpoint_dir / name).write_bytes(IMAGES[name][:-2])
        report = inspect(io.BytesIO(archive(sources)[0]))
        assert report.incomplete == (f"checkpoint/{name}: it is truncated",)
        assert report.container.name == "sql1"

    def test_of_a_tar_inside_is_told_beside_the_rest(self, sources: ArchiveSources) -> None:
        assert sources.devshm_tar is not None
        sources.devshm_tar.write_bytes(b"x" * 1000)
        report = inspect(io.BytesIO(archive(sources)[0]))
        (note,) = report.incomplete
        assert note.startswith("devshm-checkpoint.tar: ")

    def test_of_the_statistics_is_told_beside_the_rest(self, sources: ArchiveSources) -> None:
        assert sources.stats_dump is not None
        sources.stats_dump.write_bytes(DUMP[:-1])
        report = inspect(io.BytesIO(archive(sources)[0]))
        assert report.incomplete == ("stats-dump: the statistics image is truncated",)

    def test_an_image_that_is_too_large_is_told(
        self, sources: ArchiveSources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inspection, "MAX_IMAGE_BYTES", 100)
        report = inspect(io.BytesIO(archive(sources)[0]))
        assert any("files.img has" in note for note in report.incomplete)

    @pytest.mark.parametrize("compression", Compression)
    def test_an_archive_that_is_cut_off(
        self, sources: ArchiveSources, compression: Compression
    ) -> None:
        content, _ = archive(sources, compression)
        for length in (0, 100, len(content) // 2, len(content) - 1500):
            assert failure(content[:length]).cause in (
                Cause.ARCHIVE_TRUNCATED,
                Cause.ARCHIVE_CORRUPT,
            )

    def test_something_else(self, sources: ArchiveSources) -> None:
        assert failure(b"\x7fELF" * 1000).cause is Cause.ARCHIVE_CORRUPT
        other = failure(tar_of(("etc/passwd", b"root")))
        assert "is not a Podman checkpoint" in other.evidence
        odd = tar_of(
            ("config.dump", b"[]"), ("spec.dump", b"{}"), ("checkpoint/inventory.img", b"")
        )
        assert failure(odd).cause is Cause.ARCHIVE_CORRUPT

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
    @given(at=st.integers(0), patch=st.binary(min_size=1, max_size=30))
    def test_at_any_place_is_survived(self, sources: ArchiveSources, at: int, patch: bytes) -> None:
        content = bytearray(archive(sources)[0])
        at %= len(content)
        content[at : at + len(patch)] = patch
        try:
            assert inspect(io.BytesIO(bytes(content))).dump()
        except OperationFailed as error:
            assert error.cause in (Cause.ARCHIVE_CORRUPT, Cause.ARCHIVE_TRUNCATED)  # noqa: PT017


def test_memory_does_not_grow_with_the_archive(sources: ArchiveSources, tmp_path: Path) -> None:
    with (sources.checkpoint_dir / "pages-2.img").open("wb") as pages:
        pages.truncate(200 * MIB)
    with (tmp_path / "volume" / "large").open("wb") as large:
        large.writelines([bytes(MIB)] * 200)
    content, _ = archive(sources, Compression.ZSTD)
    tracemalloc.start()
    try:
        report = inspect(io.BytesIO(content))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert report.volumes[0].size_bytes == 200 * MIB + 4
    assert peak < 30 * MIB
