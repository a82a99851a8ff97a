"""``docs/metrics.md`` tells of every metric that the agent serves."""

from __future__ import annotations

from tests.unit.agent.metrics_page import PAGE, render


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run `make docs` and commit docs/metrics.md"
