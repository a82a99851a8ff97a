"""What systemd would start on a host, and what it is told to do about a container's unit.

What is enabled or masked is read from files, since the agent may be outside of systemd. How a unit
is loaded is asked of systemd: the files may say what it has not read yet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .programs import run_on_host

_FOLDERS: Final = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system")
"""Where unit files lie; a file in an earlier one hides one of the same name in a later one."""

_COMMAND: Final = re.compile(
    r"\{ path=(?P<path>.*?) ; argv\[\]=(?P<line>.*?) ; ignore_errors=(?P<may_fail>yes|no)"
)
_COMMANDS: Final = ("ExecCondition", "ExecStart", "ExecStop", "ExecStopPost")
_STATES: Final = ("LoadState", "ActiveState", "Result", "SuccessExitStatus")


def is_enabled(root: Path, unit: str) -> bool:
    """Whether a unit is started at boot: another one wants or requires it, and it is not masked."""
    if is_masked(root, unit):
        return False
    return any(
        os.path.lexists(link / unit)
        for folder in _FOLDERS
        for kind in ("wants", "requires")
        for link in (root / folder).glob(f"*.{kind}")
    )


def is_masked(root: Path, unit: str) -> bool:
    """Whether a unit cannot be started by anybody."""
    for folder in _FOLDERS:
        path = root / folder / unit
        if os.path.lexists(path):
            return path.is_symlink() and os.readlink(path) == os.devnull
    return False


@dataclass(frozen=True)
class Command:
    """One command of a unit, as systemd has it loaded."""

    path: str
    line: str
    """The program and its arguments; where one ends is not told."""
    may_fail: bool


@dataclass(frozen=True)
class LoadedUnit:
    """A unit as systemd has it loaded; all empty where there is no systemd, or no such unit."""

    states: dict[str, str]
    commands: dict[str, tuple[Command, ...]]

    @property
    def idle(self) -> bool:
        """Whether it is known, and not active; it may be about to be started once more."""
        return self._is("LoadState", "loaded") and not self._is(
            "ActiveState", "active", "reloading"
        )

    @property
    def skipped(self) -> bool:
        """Whether it was to be started last, and its ExecCondition was not met."""
        return self._is("Result", "exec-condition")

    @property
    def timed_out(self) -> bool:
        """Whether its start takes too long, or took."""
        return self._is("Result", "timeout") or self._is("ActiveState", "activating")

    def is_guarded(self, hold: Path) -> bool:
        """Whether, while a file is there, neither its own command nor one of its end is run.

        systemd runs the commands of a unit's end one after the other, up to the first that fails.
        What counts as a success of the program counts for them, too.
        """
        begins_with_guard = (
            not commands or _guards(commands[0], hold)
            for commands in (self.commands.get(key, ()) for key in ("ExecStop", "ExecStopPost"))
        )
        conditions = self.commands.get("ExecCondition", ())
        return (
            self._is("LoadState", "loaded")
            and not {"1", "FAILURE"} & set(self.states.get("SuccessExitStatus", "").split())
            and any(_guards(each, hold) for each in conditions)
            and all(begins_with_guard)
        )

    def _is(self, key: str, *values: str) -> bool:
        return self.states.get(key) in values


def _guards(command: Command, hold: Path) -> bool:
    return command.line.endswith(f"/test ! -e {hold}") and not command.may_fail


def systemctl(root: Path, *arguments: str, seconds: float = 60) -> str | None:
    """Have the host's systemd do something; return what it says, or None if it did not."""
    # The agent's root may be another one than that of process 1, and still be the same directory.
    argv = ("env", "SYSTEMD_IGNORE_CHROOT=1", "systemctl", *arguments)
    return run_on_host(root, *argv, seconds=seconds)


def loaded_unit(root: Path, unit: str) -> LoadedUnit:
    """Return a unit as systemd has it loaded."""
    properties = (f"--property={key}" for key in (*_STATES, *_COMMANDS))
    shown = systemctl(root, "show", *properties, "--", unit) or ""
    lines = [line.partition("=") for line in shown.splitlines()]
    return LoadedUnit(
        states={key: value for key, _, value in lines if key in _STATES},
        commands={key: tuple(_commands(lines, key)) for key in _COMMANDS},
    )


def _commands(lines: Sequence[tuple[str, str, str]], wanted: str) -> list[Command]:
    found = (_COMMAND.match(value) for key, _, value in lines if key == wanted)
    return [
        Command(each["path"], each["line"], each["may_fail"] == "yes") for each in found if each
    ]
