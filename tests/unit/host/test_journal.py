"""The journal's entries come back from their files as they were written."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podman_checkpoint_operator.host.journal import DirectoryJournal
from podman_checkpoint_operator.reconcilers.journal import Entry, Step

JSON = st.dictionaries(
    st.text(max_size=9),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=5,
    ),
    max_size=4,
)


def entry(uid: str = "uid-1", **changes: Any) -> Entry:
    return Entry(uid, "default", "cp", **changes)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step=st.sampled_from(Step), status=JSON, data=JSON, at=st.floats(0, 2e9))
def test_an_entry_comes_back(
    tmp_path: Path, step: Step, status: dict[str, Any], data: dict[str, Any], at: float
) -> None:
    journal = DirectoryJournal(tmp_path / "state/operations")
    written = entry(step=step, boot_id="b", container_id="c", began_at=at, status=status, data=data)
    journal.write(written)
    assert journal.read("uid-1") == written
    assert journal.entries() == [written]


def test_an_entry_is_known_until_it_is_removed(tmp_path: Path) -> None:
    journal = DirectoryJournal(tmp_path / "operations")
    assert journal.read("uid-1") is None
    assert journal.entries() == []
    journal.write(entry())
    journal.write(entry("uid-2"))
    journal.remove("uid-1")
    journal.remove("uid-1")
    assert [each.uid for each in journal.entries()] == ["uid-2"]


def test_only_root_may_read_it(tmp_path: Path) -> None:
    journal = DirectoryJournal(tmp_path / "operations")
    journal.write(entry())
    assert (tmp_path / "operations").stat().st_mode & 0o077 == 0
    assert (tmp_path / "operations/uid-1.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"uid": "uid-1", "st',
        "[]",
        json.dumps({**entry().to_json(), "step": "Teleporting"}),
        json.dumps({**entry().to_json(), "colour": "blue"}),
    ],
    ids=["empty", "truncated", "list", "unknown step", "unknown field"],
)
def test_what_cannot_be_read_is_reported_and_counts_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    journal = DirectoryJournal(tmp_path)
    (tmp_path / "uid-1.json").write_text(content)
    journal.write(entry("uid-2"))
    with caplog.at_level(logging.WARNING):
        assert journal.read("uid-1") is None
        assert [each.uid for each in journal.entries()] == ["uid-2"]
    assert "unreadable file" in caplog.text
    assert (tmp_path / "uid-1.json").exists()


def test_a_strange_uid_stays_in_the_folder(tmp_path: Path) -> None:
    journal = DirectoryJournal(tmp_path / "operations")
    journal.write(entry("../../etc/passwd"))
    assert [path.name for path in (tmp_path / "operations").iterdir()] == ["passwd.json"]
