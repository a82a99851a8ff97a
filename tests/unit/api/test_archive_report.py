"""The report's names are documented, every one of them, and stay as they are."""

from __future__ import annotations

from podman_checkpoint_operator.api.archive_report import ArchiveReport
from tests.unit.api.report_page import PAGE, models, render


def test_every_field_has_a_meaning() -> None:
    for _, model in models(ArchiveReport):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run `make docs` and commit docs/inspect.md"
