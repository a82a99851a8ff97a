"""A directory store: only complete archives have names; nothing is overwritten or outside.

Failing disks are simulated where the store calls the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.stores.directory import DirectoryStore

NAME = "default/sql1-1234.tar.zst"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    """Return a store whose agent sees the host's root below a prefix."""
    (tmp_path / "var/lib").mkdir(parents=True)
    return DirectoryStore(Path("/var/lib/archives"), tmp_path)


def write(store: DirectoryStore, name: str = NAME, content: bytes = b"archive") -> str:
    with store.writer(name) as file:
        file.write(content)
        return file.uri


def files(store: DirectoryStore) -> list[str]:
    root = store.host_root / "var/lib/archives"
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir())


def test_written_archive_is_found_by_its_uri(store: DirectoryStore) -> None:
    uri = write(store)
    assert uri == store.uri(NAME) == "file:///var/lib/archives/default/sql1-1234.tar.zst"
    assert store.exists(NAME)
    assert store.resolve(uri).read_bytes() == b"archive"
    assert files(store) == [NAME]


def test_archive_and_its_directories_are_private(store: DirectoryStore) -> None:
    path = store.resolve(write(store))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_final_name_appears_only_at_the_end(store: DirectoryStore) -> None:
    with store.writer(NAME) as file:
        file.write(b"part")
        assert not store.exists(NAME)
        assert files(store) == ["default/.sql1-1234.tar.zst.partial"]
    assert store.exists(NAME)


def test_failure_leaves_nothing(store: DirectoryStore) -> None:
    def interrupted() -> None:
        with store.writer(NAME) as file:
            file.write(b"part")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert files(store) == []


def test_rest_of_a_killed_writer_is_replaced_or_discarded(store: DirectoryStore) -> None:
    directory = store.host_root / "var/lib/archives/default"
    directory.mkdir(parents=True)
    partial = directory / ".sql1-1234.tar.zst.partial"
    partial.write_bytes(b"x" * 1000)
    store.resolve(write(store))
    assert files(store) == [NAME]

    partial.write_bytes(b"x")
    store.discard_partial(NAME)
    store.discard_partial(NAME)
    store.discard_partial("other/name.tar")
    assert files(store) == [NAME]


def test_existing_archive_is_never_overwritten(store: DirectoryStore) -> None:
    uri = write(store)
    with pytest.raises(OperationFailed, match="never overwritten") as caught:
        write(store, content=b"other")
    assert caught.value.cause is Cause.ARCHIVE_EXISTS
    assert store.resolve(uri).read_bytes() == b"archive"
    assert files(store) == [NAME]


def test_archive_that_appears_meanwhile_is_not_overwritten(store: DirectoryStore) -> None:
    final = store.host_root / "var/lib/archives" / NAME
    with pytest.raises(OperationFailed) as caught, store.writer(NAME):
        final.write_bytes(b"theirs")
    assert caught.value.cause is Cause.ARCHIVE_EXISTS
    assert final.read_bytes() == b"theirs"
    assert files(store) == [NAME]


def test_file_system_without_hard_links(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    uri = write(store)
    assert store.resolve(uri).read_bytes() == b"archive"
    final = store.host_root / "var/lib/archives/default/second.tar"
    with pytest.raises(OperationFailed) as caught, store.writer("default/second.tar"):
        final.write_bytes(b"theirs")
    assert caught.value.cause is Cause.ARCHIVE_EXISTS
    assert final.read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, Cause.NO_SPACE),
        (errno.EDQUOT, Cause.NO_SPACE),
        (errno.EROFS, Cause.PERMISSION_DENIED),
        (errno.EIO, Cause.UNKNOWN),
    ],
)
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_failing_disk_is_explained(
    store: DirectoryStore,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    cause: Cause,
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    # Directories are made durable before, by the same call.
    (store.host_root / "var/lib/archives/default").mkdir(parents=True)
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OperationFailed, match=os.strerror(number)) as caught:
        write(store)
    monkeypatch.undo()
    assert caught.value.cause is cause
    assert caught.value.remedy
    assert files(store) == []


def test_short_writes_are_continued(store: DirectoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    uri = write(store, content=b"a long archive")
    assert store.resolve(uri).read_bytes() == b"a long archive"


def test_store_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DirectoryStore(Path("/file/archives"), tmp_path)
    with pytest.raises(OperationFailed, match="Cannot create file:///file/archives/default"):
        write(store)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///var/lib/archives/../secret",
        "file:///var/lib/archives/default/../../../secret",
        "file:///var/lib/archives/%2e%2e/secret",
        "file:///var/lib/archives/%00",
        "file:///var/lib/archives",
        "file:///var/lib/archives-of-others/x",
        "file:///etc/shadow",
        "file://other-host/var/lib/archives/x",
        "https://host/var/lib/archives/x",
        "/var/lib/archives/x",
        "file://[",
        "",
    ],
)
def test_uris_that_lead_out_are_refused(store: DirectoryStore, uri: str) -> None:
    for call in (store.resolve, store.delete):
        with pytest.raises(OperationFailed) as caught:
            call(uri)
        assert caught.value.cause is Cause.ARCHIVE_OUTSIDE_STORE


def test_symlinks_are_refused(store: DirectoryStore, tmp_path: Path) -> None:
    write(store)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/x.tar").write_text("secret")
    archives = tmp_path / "var/lib/archives"
    (archives / "link").symlink_to(tmp_path / "secret")
    (archives / "x.tar").symlink_to(tmp_path / "secret/x.tar")
    for uri in ("file:///var/lib/archives/link/x.tar", "file:///var/lib/archives/x.tar"):
        with pytest.raises(OperationFailed, match="symlink") as caught:
            store.delete(uri)
        assert caught.value.cause is Cause.ARCHIVE_OUTSIDE_STORE
    with pytest.raises(OperationFailed, match="symlink"):
        write(store, "link/y.tar")
    assert sorted(p.name for p in (tmp_path / "secret").iterdir()) == ["x.tar"]


def test_store_itself_may_be_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "archives").symlink_to(tmp_path / "disk")
    store = DirectoryStore(Path("/archives"), tmp_path)
    assert store.resolve(write(store)).read_bytes() == b"archive"


def test_missing_archive_names_its_neighbours(store: DirectoryStore) -> None:
    write(store)
    with pytest.raises(OperationFailed, match=r"Its directory has: sql1-1234\.tar\.zst") as caught:
        store.resolve("file:///var/lib/archives/default/sql2.tar.zst")
    assert caught.value.cause is Cause.ARCHIVE_MISSING
    with pytest.raises(OperationFailed, match="directory other does not exist"):
        store.resolve("file:///var/lib/archives/other/sql2.tar.zst")


@pytest.mark.parametrize(
    ("path", "directory"),
    [("a.tar", ""), ("shop/a.tar", "shop"), ("shop/deep/a.tar", "shop"), ("./shop//a", "shop")],
)
def test_whose_directory(store: DirectoryStore, path: str, directory: str) -> None:
    assert store.directory_of(f"file://{store.root}/{path}") == directory


@pytest.mark.parametrize("path", ["shop/../bank/a.tar", "../a.tar", ""])
def test_whose_directory_is_not_asked_about_others(store: DirectoryStore, path: str) -> None:
    with pytest.raises(OperationFailed) as caught:
        store.directory_of(f"file://{store.root}/{path}")
    assert caught.value.cause is Cause.ARCHIVE_OUTSIDE_STORE


def test_directory_is_no_archive(store: DirectoryStore) -> None:
    write(store)
    with pytest.raises(OperationFailed, match="not a regular file"):
        store.resolve("file:///var/lib/archives/default")


def test_delete_is_idempotent(store: DirectoryStore) -> None:
    uri = write(store)
    store.delete(uri)
    store.delete(uri)
    assert not store.exists(NAME)


@given(st.text(max_size=300))
def test_any_name_is_refused_or_stays_inside(name: str) -> None:
    with contextlib.suppress(OperationFailed):
        uri = DirectoryStore(Path("/archives")).uri(name)
        assert uri == f"file:///archives/{name}"
        assert ".." not in name.split("/")


@pytest.mark.parametrize("name", ["", "/x", "a//b", "..", "a/../b", ".hidden", "a/ b", "x" * 300])
def test_names_that_are_refused(store: DirectoryStore, name: str) -> None:
    with pytest.raises(OperationFailed) as caught, store.writer(name):
        pass
    assert caught.value.cause is Cause.INVALID_SPEC


def test_the_space_is_that_of_the_stores_file_system(store: DirectoryStore) -> None:
    write(store)
    status = os.statvfs(store.host_root / "var/lib/archives")
    capacity, available = store.space()
    assert capacity == status.f_blocks * status.f_frsize
    assert available == pytest.approx(status.f_bavail * status.f_frsize, rel=0.2)


def test_a_store_that_is_not_there_has_no_space(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed) as caught:
        DirectoryStore(tmp_path / "nowhere").space()
    assert "nowhere" in caught.value.evidence
