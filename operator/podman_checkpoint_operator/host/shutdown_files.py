"""How a shutdown asks the agent to save the containers: two files in the agent's state directory.

The hold writes the request and the agent the answer, so each of them may be killed and come back,
and neither needs the other to start. A request is of one boot: afterwards it asks for nothing, and
what was saved for it is restored.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ..decisions.shutdown import Answer
from .files import read_object, sync_directory, write_object


class ShutdownFiles:
    """The request and the answer of one host.

    Args:
        state_dir: of the agent.
        boot_id: returns what changes with every boot.
    """

    def __init__(self, state_dir: Path, boot_id: Callable[[], str]) -> None:
        self._folder = state_dir / "shutdown"
        self._request = self._folder / "request.json"
        self._answer = self._folder / "answer.json"
        self._boot_id = boot_id

    def ask(self) -> str:
        """Ask for the containers to be saved; return what the answer will go by."""
        request = f"{self._boot_id()} {time.time_ns()}"
        write_object(self._request, {"request": request, "bootID": self._boot_id()})
        return request

    def withdraw(self) -> bool:
        """Ask for nothing any more; return whether something was asked for in this boot."""
        asked = self.requested() is not None
        if self._request.exists():
            self._request.unlink()
            sync_directory(self._folder)
        return asked

    def requested(self) -> str | None:
        """Return what a shutdown of this boot asks for, if one does."""
        asked = read_object(self._request)
        if not asked or asked.get("bootID") != self._boot_id():
            return None
        return str(asked.get("request"))

    def answer(self, request: str, answer: Answer) -> None:
        """Tell how far a request is."""
        said = {"request": request, **asdict(answer)}
        if read_object(self._answer) != json.loads(json.dumps(said)):
            write_object(self._answer, said)

    def answered(self, request: str) -> Answer | None:
        """Return what was last told about a request."""
        said = read_object(self._answer)
        if not said or said.pop("request", None) != request:
            return None
        lists = {name: tuple(said.get(name) or ()) for name in ("safe", "waiting")}
        return Answer(**lists, lost=said.get("lost") or {}, trouble=said.get("trouble") or "")
