"""Background programs of the lab, which outlive the command that started them.

A program is remembered by a file with its process ID, its start time and the machine's boot ID.
Only a process that agrees in all three is ever taken for ours: the number alone may by now belong
to somebody else.
"""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Daemon:
    """One background program; ``name`` is also the stem of its log and of its PID file."""

    name: str
    folder: Path = paths.STATE
    """Holds ``run/NAME.pid`` and ``logs/NAME.log``."""

    @property
    def pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"

    def start(self, *argv: str | Path, env: Mapping[str, str] | None = None) -> None:
        """Start the program in a session of its own; what it prints is appended to the log file."""
        for path in (self.pid_file, self.log_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        words = [str(word) for word in argv]
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # NB: not subprocess.Popen, which warns about a child that it outlives.
        pid = os.posix_spawn(
            words[0],
            words,
            os.environ if env is None else env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, self.log_file, append, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        self.pid_file.write_text(f"{pid} {_start_time(pid)} {_boot_id()}\n")

    def pid(self) -> int | None:
        """The process ID, or nothing when the program does not run (any more)."""
        try:
            number, started, boot = self.pid_file.read_text().split()
            pid = int(number)
        except (OSError, ValueError):
            return None
        now = _start_time(pid) if boot == _boot_id() else None
        return pid if now is not None and started == str(now) else None

    def stop(self, *, patience: float = 5) -> None:
        """End the program, by force after ``patience`` seconds, and forget it."""
        pid = self.pid()
        if pid is not None:
            _end(self, pid, patience)
        self.pid_file.unlink(missing_ok=True)

    def last_words(self, lines: int = 15) -> str:
        """The end of the log, for error messages."""
        try:
            text = self.log_file.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def _end(daemon: Daemon, pid: int, patience: float) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle cannot change its process any more, so this check holds for both signals.
        if daemon.pid() != pid:
            return
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, None)):
            signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], seconds)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; nothing for one gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name, in parentheses, may hold spaces and parentheses itself.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def any_running(folder: Path) -> bool:
    """Whether a program that was started with this state folder still runs."""
    files = (folder / "run").glob("*.pid")
    return any(Daemon(file.stem, folder).pid() is not None for file in files)
