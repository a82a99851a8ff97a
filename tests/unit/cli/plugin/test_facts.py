"""The few words that a resource's status comes down to."""

from __future__ import annotations

from podman_checkpoint_operator.cli.plugin import facts
from tests.unit.cli.plugin.resources import checkpoint, condition


def test_what_is_being_deleted_is_not_shown_as_ready() -> None:
    found = checkpoint(conditions=[condition("Ready", "True", "ArchiveStored")])
    assert facts.shown(found).text == "Ready"
    found["metadata"]["deletionTimestamp"] = "2026-11-23T05:00:00Z"
    assert facts.shown(found).text == "Deleting"
    # Who waits for it, or asks what it holds, goes by what it has come to.
    assert facts.state(found).text == "Ready"
