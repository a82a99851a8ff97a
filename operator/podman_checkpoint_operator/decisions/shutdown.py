"""What an agent tells a shutdown that waits for it. Imports nothing: the hold shall stay small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """How far the containers of a host are that shuts down.

    Attributes:
        safe: names of those whose state is on the host.
        waiting: names of those that are not safe yet.
        lost: why those that run on cannot be saved, by their names.
        trouble: why the agent cannot look at all; empty if it can.
    """

    safe: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""

    @property
    def over(self) -> bool:
        """Whether nothing can be gained by waiting."""
        return not (self.waiting or self.trouble)
