from __future__ import annotations

from pathlib import Path

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.facts import Space
from podman_checkpoint_operator.decisions.space_preflight import space_checks


def test_what_is_needed_may_be_all_there_is() -> None:
    (check,) = space_checks([Space("images", Path("/"), free_bytes=2, needed_bytes=2)])
    assert check.result == "Pass"


def test_each_file_system_needs_its_own_room() -> None:
    spaces = [
        Space("the state", Path("/a"), free_bytes=1 << 20, needed_bytes=2 << 20),
        Space("the archive", Path("/b"), free_bytes=0, needed_bytes=0),
    ]
    first, second = space_checks(spaces)
    assert (first.cause, second.result) == (Cause.NO_SPACE, "Pass")
    assert first.remedy == "Free 1.0 MiB or more on that file system"


def test_what_shares_a_file_system_is_added_up() -> None:
    def space(device: int) -> Space:
        return Space("images", Path("/"), free_bytes=3 << 20, needed_bytes=2 << 20, device=device)

    assert [check.result for check in space_checks([space(1), space(1)])] == ["Pass", "Fail"]
    assert [check.result for check in space_checks([space(1), space(2)])] == ["Pass", "Pass"]
    assert [check.result for check in space_checks([space(0), space(0)])] == ["Pass", "Pass"]
