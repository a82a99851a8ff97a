"""The strict walk through a tar: any split of the bytes, lying headers, hostile names.

Whole archives, and random damage to them, are tested with the reader.
"""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.tarwalk import MAX_KEPT, Member, TarWalk, parse_records
from podman_checkpoint_operator.decisions.failures import OperationFailed


def tar_of(*members: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def header(name: str, *, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@given(
    st.lists(st.tuples(st.text("abc/\u00e4", min_size=1), st.binary(max_size=1500)), max_size=5),
    st.lists(st.integers(1, 3000)),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_any_split_of_any_tar(members: list[tuple[str, bytes]], cuts: list[int], form: int) -> None:
    content = tar_of(*members, ("kept", b"content"), form=form)
    walk = TarWalk(keep=["kept"])
    for cut in cuts:
        walk.feed(content[:cut])
        content = content[cut:]
    walk.feed(content)
    walk.close()
    assert walk.kept["kept"] == b"content"


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_recognised(form: int) -> None:
    name = "/".join(["directory"] * 40)
    walk = TarWalk(keep=[name])
    walk.feed(tar_of((f"./{name}", b"x"), form=form))
    walk.close()
    assert walk.kept == {name: b"x"}


def test_sizes_beyond_octal_are_followed() -> None:
    walk = TarWalk()
    walk.feed(header("pages", size=9 << 30))
    walk.feed(bytes(1 << 20))
    assert walk.current == "pages"
    with pytest.raises(OperationFailed) as caught:
        walk.close()
    assert caught.value.cause is Cause.ARCHIVE_TRUNCATED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header("config.dump", size=MAX_KEPT + 1), "claims"),
        (header("x", size=MAX_KEPT + 1, kind=tarfile.XHDTYPE), "too large"),
        (header("x", kind=b"S"), "kind that Podman does not know"),
        (header("../etc/passwd"), "leads out"),
        (header("a/../../b"), "leads out"),
        (b"x" * 512, "header is damaged"),
        (bytes(512) + header("after"), "after the end"),
    ],
)
def test_refused(content: bytes, message: str) -> None:
    walk = TarWalk(keep=["config.dump"])
    with pytest.raises(OperationFailed, match=message) as caught:
        walk.feed(content)
    assert caught.value.cause is Cause.ARCHIVE_CORRUPT


@pytest.mark.parametrize(
    "records",
    [b"x", b"9 a=b\n", b"0 a=b\n", b"6 ab\n", b"6 a=bc", b"22 GNU.sparse.major=1\n", b" a=b\n"],
)
def test_damaged_records(records: bytes) -> None:
    with pytest.raises(OperationFailed):
        parse_records(records)


def test_records() -> None:
    assert parse_records(b"12 path=a=b\n11 size=42\n8 x=y\xff\n\n") == {"path": "a=b", "size": "42"}


def test_a_sparse_file_has_its_name_in_a_record() -> None:
    info = tarfile.TarInfo("GNUSparseFile.0/content")
    info.size = 1024
    info.pax_headers = {"GNU.sparse.name": "real/name", "GNU.sparse.realsize": "5000"}
    content = info.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    seen: list[Member] = []
    TarWalk(receive=seen.append, sparse=True).feed(content)
    assert [(member.name, member.size) for member in seen] == [("real/name", 5000)]
    with pytest.raises(OperationFailed, match="sparse file, which checkpoint archives do not have"):
        TarWalk().feed(content)


@pytest.mark.parametrize("size", ["-1", "1.5", "", "9" * 30])
def test_size_records_that_are_no_sizes(size: str) -> None:
    info = tarfile.TarInfo("x")
    info.pax_headers = {"size": size}
    with pytest.raises(OperationFailed, match="no valid size"):
        TarWalk().feed(info.tobuf(tarfile.PAX_FORMAT))
