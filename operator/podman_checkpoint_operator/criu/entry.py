"""One known failure: how to recognise it, what it means and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..api.remedies import changed
from .diagnosis import Diagnosis, shorten
from .secrecy import without_secrets

if TYPE_CHECKING:
    from ..api.reasons import Cause

PLACES: Final = {
    # Where an option can be set that runtimes do not set themselves.
    "default_config": "/etc/criu/default.conf",
    # Where an option must be set that runtimes set themselves: elsewhere, the runtime's value wins.
    "handed_config": "/etc/criu/runc.conf (under crun only from crun 1.26 and CRIU 4.2 on)",
}
"""What every remedy can name in braces."""

_MAX_VALUE: Final = 300


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of the catalogue.

    Attributes:
        name: of its own; tests and ``docs/reasons.md`` refer to the row by it.
        cause: from the fixed vocabulary.
        pattern: a regular expression, searched in one line; groups are named after what they hold.
        remedy: what to set or do. ``{group}`` stands for what the group matched, or for
            one of :data:`PLACES`.
        transient: the same operation may succeed when it is tried again without any change.
    """

    name: str
    cause: Cause
    pattern: str
    remedy: str
    transient: bool = False

    def search(self, line: str) -> re.Match[str] | None:
        """Return the match if this line is of this failure."""
        return re.search(self.pattern, line)

    def explain(self, match: re.Match[str], evidence: str) -> Diagnosis:
        """Return what is to be told about a line that :meth:`search` has matched."""
        values = {
            name: shorten(without_secrets(value or ""), _MAX_VALUE)
            for name, value in match.groupdict().items()
        }
        return Diagnosis(
            cause=self.cause,
            evidence=evidence,
            remedy=changed(
                self.remedy, lambda text: _without_gaps(text.format(**PLACES, **values))
            ),
            transient=self.transient,
            entry=self.name,
        )


def _without_gaps(text: str) -> str:
    """Close up what groups leave that have matched nothing."""
    return text.replace(" ()", "").replace("  ", " ")
