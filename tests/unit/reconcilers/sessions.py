"""A Podman that runs commands as a test says, and the machine that can end them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock, create_autospec

from podman_checkpoint_operator.decisions.facts import Container
from podman_checkpoint_operator.reconcilers.machine_port import Machine
from podman_checkpoint_operator.reconcilers.podman_port import PodmanError, Session
from tests.unit.samples import CONTAINER

SECRET = "correct-horse-battery"


@dataclass
class Command:
    """How a command goes: it says something, and ends with a code unless it hangs."""

    says: bytes = b""
    exit_code: int | None = 0
    """None: it hangs until it is killed."""
    refused: PodmanError | None = None
    """Raised when it is to be started."""


class Sessions:
    """Podman and the machine for the sessions of one container; commands are taken in order."""

    def __init__(self, *commands: Command) -> None:
        self._commands = list(commands)
        self._of: dict[str, Command] = {}
        self._at_work: set[str] = set()
        self.container: Container | None = CONTAINER
        self.begun: list[Sequence[str]] = []
        self.killed: list[str] = []
        self.removed: list[str] = []
        self.machine: Mock = create_autospec(Machine, instance=True)
        self.machine.environment.return_value = ("HOME=/root", f"TOKEN={SECRET}")
        self.machine.end_session.side_effect = self._kill

    def find(self, _: str) -> Container | None:
        return self.container

    def create_session(self, container_id: str, command: Sequence[str]) -> str:
        assert container_id == CONTAINER.id
        self.begun.append(command)
        session = f"session-{len(self.begun)}"
        self._of[session] = self._commands.pop(0)
        return session

    def start_session(
        self, session: str, output: Callable[[bytes], None], *, timeout: float
    ) -> None:
        command = self._of[session]
        if command.refused:
            raise command.refused
        output(command.says)
        if command.exit_code is None:
            self._at_work.add(session)
            raise TimeoutError

    def session(self, session: str) -> Session | None:
        if session not in self._of:
            return None
        at_work = session in self._at_work
        return Session(at_work, 7 if at_work else 0, self._of[session].exit_code or 0)

    def remove_session(self, session: str) -> None:
        self.removed.append(session)
        del self._of[session]

    def left_by_an_earlier_agent(self, session: str) -> dict[str, Any]:
        """Have a command at work; return what the journal says of it."""
        self._of[session] = Command(exit_code=None)
        self._at_work.add(session)
        return {"session": session, "sessionOf": CONTAINER.id}

    def _kill(self, container: Container, pid: int) -> None:
        assert (container, pid) == (CONTAINER, 7)
        self.killed += sorted(self._at_work)
        self._at_work.clear()
