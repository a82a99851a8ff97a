"""Writes ``docs/preflight.md`` from the names of the checks: ``make docs``.

The meaning of a check is the string below it in ``api/checks.py``, the groups are the comments
there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from podman_checkpoint_operator.api.checks import CheckName
from tests.unit.criu.reasons_page import groups, meanings

PAGE: Final = Path(__file__).parents[3] / "docs/preflight.md"

_INTRO: Final = """\
# Preflight

<!-- Written by `make docs` from operator/podman_checkpoint_operator/api/checks.py. -->

Before a checkpoint touches its container, and before a restore touches its host, the agent looks at
everything that is known to go wrong later. `status.preflight` lists each check with its result:

- `Pass`: nothing stands in the way; the message says what was seen.
- `Warn`: the operation goes on, and the user should know; an event says the same.
- `Fail`: the operation ends here. Nothing was touched: the container runs on, unfrozen.
  `PreflightPassed` is `False`, and `status.diagnosis` has the cause, the evidence and the remedy.

What depends on an earlier check is not looked at when that one has failed.

    kubectl describe cckpt NAME
"""


def render() -> str:
    """Return the page."""
    known, headings = meanings(CheckName), groups(CheckName)
    parts = [_INTRO]
    for check in CheckName:
        if check.name in headings:
            parts.append(
                f"\n## {headings[check.name]}\n\n| check | what it is about |\n|---|---|\n"
            )
        parts.append(f"| `{check}` | {known[check.name]} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render())
