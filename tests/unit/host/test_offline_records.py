"""What is kept on a host while the API server is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podman_checkpoint_operator.host.offline_records import OfflineRecords

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_kept_outlives_the_agent(tmp_path: Path) -> None:
    records = OfflineRecords(tmp_path / "offline")
    assert records.host() is None
    assert records.checkpoints() == []
    checkpoint = {"metadata": {"uid": "offline-a"}}
    records.write_host({"spec": {}})
    records.write_checkpoint(checkpoint)

    again = OfflineRecords(tmp_path / "offline")
    assert again.host() == {"spec": {}}
    assert again.checkpoints() == [checkpoint]
    assert again.checkpoint("offline-a") == checkpoint
    assert again.checkpoint("offline-b") is None


def test_only_what_is_asked_of_the_host_is_left_of_what_was_forgotten(tmp_path: Path) -> None:
    records = OfflineRecords(tmp_path / "offline")
    records.forget()
    records.write_host({})
    records.write_checkpoint({"metadata": {"uid": "offline-a"}})
    records.write_known({"spec": {}})
    records.forget()
    assert records.host() is None
    assert records.checkpoints() == []
    assert records.known() == {"spec": {}}


def test_what_is_damaged_is_not_there(tmp_path: Path) -> None:
    records = OfflineRecords(tmp_path)
    records.write_host({})
    records.write_checkpoint({"metadata": {"uid": "offline-a"}})
    for path in tmp_path.iterdir():
        path.write_text("{")
    assert records.host() is None
    assert records.checkpoints() == []
    records.write_host({"spec": {}})
    assert records.host() == {"spec": {}}
