"""A command in a container: begun, waited for, killed at its time limit, and never left behind.

Its session is written to the journal before it begins, so that the next agent finds and ends one
whose agent was killed: a process that was started into a container from outside disturbs CRIU.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ..decisions.command_output import MAX_OUTPUT, shown
from ..decisions.facts import Container
from .machine_port import Machine
from .operation import Operation
from .podman_port import Podman, PodmanError

_END_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_MAX_SHOWN: Final = 300
# More than is shown, so that a secret at the beginning of what is shown is seen as a whole.
_KEPT: Final = 16 * MAX_OUTPUT


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    exit_code: int | None
    """None when it was killed at its time limit."""
    output: str
    """The last of what it wrote, as it may be shown."""

    def as_status(self) -> dict[str, Any]:
        """As status reports it."""
        code = {} if self.exit_code is None else {"exitCode": self.exit_code}
        return {**code, "output": self.output}


class _Tail:
    """The last bytes of a stream."""

    def __init__(self) -> None:
        self.kept = b""

    def __call__(self, data: bytes) -> None:
        self.kept = (self.kept + data)[-_KEPT:]


class Commands:
    """Runs the commands of one operation in its container, one at a time."""

    def __init__(self, podman: Podman, machine: Machine, operation: Operation) -> None:
        self._podman = podman
        self._machine = machine
        self._operation = operation

    def run(self, container: Container, command: Sequence[str], *, seconds: float) -> Outcome:
        """Run a command to its end, or to that of its time.

        Raises:
            PodmanError: it could not be begun, or nobody knows how it ended.
        """
        self.end()
        environment = self._machine.environment(container)
        session = self._podman.create_session(container.id, command)
        self._operation.note(session=session, sessionOf=container.id)
        tail = _Tail()
        reader = ThreadPoolExecutor(1)
        try:
            streaming = reader.submit(
                self._podman.start_session, session, tail, timeout=seconds + _END_SECONDS
            )
            try:
                streaming.result(timeout=seconds)
                code: int | None = self._exit_code(session)
            except TimeoutError:
                code = None
        finally:
            reader.shutdown(wait=False)
            self.end()
        return Outcome(code, shown(tail.kept, environment))

    def end(self) -> None:
        """Kill what the last command has left, if it did not end, and forget its session."""
        data = self._operation.entry.data
        session = data.get("session")
        if not session:
            return
        container = self._podman.find(data["sessionOf"])
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            now = self._podman.session(session)
            if container is None or now is None or not now.pid:
                break
            self._machine.end_session(container, now.pid)
            time.sleep(_POLL_SECONDS)
        with suppress(PodmanError):  # Podman forgets it by itself, some minutes later
            self._podman.remove_session(session)
        self._operation.note(session="")

    def _exit_code(self, session: str) -> int:
        deadline = time.monotonic() + _END_SECONDS
        while True:
            now = self._podman.session(session)
            if now is None or (now.running and time.monotonic() > deadline):
                raise PodmanError("Podman does not tell how the command ended")
            if not now.running:
                return now.exit_code
            time.sleep(_POLL_SECONDS)


def ended(command: Sequence[str], outcome: Outcome, *, seconds: int) -> str:
    """Say how a command ended and the last that it said."""
    words = shlex.join(command)
    words = words if len(words) <= _MAX_SHOWN else f"{words[:_MAX_SHOWN]}…"
    code = outcome.exit_code
    how = f"did not end within {seconds} s" if code is None else f"exited with {code}"
    said = outcome.output[-_MAX_SHOWN:].strip()
    return f"the command {words} {how}" + (f" and said: {said}" if said else " and said nothing")
