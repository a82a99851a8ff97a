"""``docs/reasons.md`` tells what the code says: every member with its meaning, nothing outdated."""

from __future__ import annotations

from enum import StrEnum

import pytest

from podman_checkpoint_operator.api.reasons import Cause, ConditionType, Reason
from podman_checkpoint_operator.criu.catalogue import CATALOGUE
from tests.unit.criu.reasons_page import PAGE, meanings, render, reproduced


@pytest.mark.parametrize("enum", [ConditionType, Reason, Cause])
def test_every_member_has_a_meaning_below_it(enum: type[StrEnum]) -> None:
    assert set(meanings(enum)) == {member.name for member in enum}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run `make docs` and commit docs/reasons.md"


def test_what_is_said_to_be_reproduced_is_in_the_catalogue() -> None:
    rows = [entry.name for entries in CATALOGUE.values() for entry in entries]
    assert len(set(rows)) == len(rows)
    live = reproduced()
    assert live.keys() <= set(rows)
    assert (len(rows) >= 30, len(live) >= 40) == (True, True)


def test_no_placeholder_remains() -> None:
    assert "{" not in render()
