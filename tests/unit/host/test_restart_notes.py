"""Notes of restart policies are kept as files, and survive what befalls files."""

from __future__ import annotations

from pathlib import Path

from podman_checkpoint_operator.decisions.facts import RestartPolicy
from podman_checkpoint_operator.host.restart_notes import RestartNotes

ID = "57a6afbab0b5"


def test_written_read_and_removed(tmp_path: Path) -> None:
    notes = RestartNotes(tmp_path / "notes")
    assert notes.read(ID) is None
    assert notes.containers() == []
    notes.remove(ID)
    notes.write(ID, RestartPolicy("on-failure", 3))
    notes.write(ID, RestartPolicy("always"))
    again = RestartNotes(tmp_path / "notes")
    assert again.read(ID) == RestartPolicy("always")
    assert again.containers() == [ID]
    again.remove(ID)
    assert notes.containers() == []


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    notes = RestartNotes(tmp_path)
    for text in ("", "{", "[]", '{"other": 1}'):
        (tmp_path / f"{ID}.json").write_text(text)
        assert notes.read(ID) is None


def test_no_path_leads_out(tmp_path: Path) -> None:
    notes = RestartNotes(tmp_path / "notes")
    notes.write("../../x", RestartPolicy("always"))
    assert [path.name for path in tmp_path.rglob("*.json")] == ["x.json"]
    assert (tmp_path / "notes/x.json").exists()
