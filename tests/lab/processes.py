"""Background programs of the lab, which outlive the command that started them.

A program carries its name in its environment, where :data:`MARK` finds it again. So there is no
file with a process ID that could be stale, point to somebody else's process, or be deleted while
the program still runs.
"""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import paths
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK: Final = "PODMAN_CHECKPOINT_LAB_PROGRAM"
"""Environment variable with the lab's folder and the program's name."""


@dataclass(frozen=True)
class Daemon:
    """One background program of a lab; ``name`` is also the stem of its log."""

    name: str
    folder: Path = paths.STATE
    """The lab's folder; logs are in ``logs/`` below it."""

    @property
    def log_file(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"

    def start(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> None:
        """Start the program in a session of its own; what it prints is appended to the log file."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in argv]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # NB: not subprocess.Popen, which warns about a child that it outlives.
        pid = os.posix_spawn(
            words[0],
            words,
            {**(os.environ if env is None else env), MARK: str(self._mark)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, self.log_file, append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        # The kernel shows a new program's environment a moment after it starts.
        wait_until(lambda: self.pid() == pid or _has_ended(pid), f"{self.name} to start")

    def pid(self) -> int | None:
        """The process ID, or nothing when the program does not run (any more)."""
        return next((pid for pid, mark in _marked() if mark == self._mark), None)

    def stop(self, *, patience: float = 5) -> None:
        """End the program, by force after ``patience`` seconds."""
        pid = self.pid()
        if pid is None:
            return
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            # From here on the handle cannot mean another process, but it may have until here.
            if self.pid() == pid:
                _end(handle, patience)
        finally:
            os.close(handle)

    def last_words(self, lines: int = 15) -> str:
        """The end of the log, for error messages."""
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def _mark(self) -> Path:
        return self.folder / self.name


def any_running(folder: Path) -> bool:
    """Whether a program of the lab with this folder runs."""
    return any(mark.parent == folder for _, mark in _marked())


def _has_ended(child: int) -> bool:
    """Whether a child of this process has ended; it stays for init to reap."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(handle: int, patience: float) -> None:
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, None)):
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return
        if select.select([handle], [], [], seconds)[0]:
            return


def _marked() -> Iterator[tuple[int, Path]]:
    """All running programs of all labs: process ID and mark. Zombies have no environment."""
    prefix = f"{MARK}=".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            leads = os.getsid(pid) == pid
        except OSError:
            continue
        for variable in variables:
            # A program's own children inherit the mark, but not the lead of the session.
            if leads and variable.startswith(prefix):
                yield pid, Path(os.fsdecode(variable.removeprefix(prefix)))
