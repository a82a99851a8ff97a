"""What a drain needs of the shutdowns of its host."""

from __future__ import annotations

from typing import Protocol

from ..decisions.shutdown import Answer


class Shutdowns(Protocol):
    """Shutdowns of the host that wait for its containers to be saved."""

    def requested(self) -> str | None:
        """Return what the shutdown that waits asks for, if one does."""

    def answer(self, request: str, answer: Answer) -> None:
        """Tell the shutdown how far its request is."""
