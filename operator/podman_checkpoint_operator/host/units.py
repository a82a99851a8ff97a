"""Units of the host that wait with their container, and have it restored as their own.

A unit that is held has a file in the agent's state directory. What the project ships for Quadlets,
``manifests/quadlet/container.d``, makes a unit look at it: while the file is there the unit does
not start, and does not remove its container when that stops.

Podman puts a restored container into the control group of its unit. systemd must know of it there:
at the next start of a unit that is not active it kills what it finds. So the unit itself restores:
for one start another command stands in the place of its own, in a file that a reboot removes.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..decisions.facts import Container
from ..decisions.starters import Starters
from ..reconcilers.podman_port import PodmanError, PodmanTimedOut, RestoreOptions
from .files import below, read_as, replace_file, sync_directory, write_object
from .systemd import LoadedUnit, is_masked, loaded_unit, systemctl

logger = logging.getLogger(__name__)

_DROP_INS: Final = Path("/run/systemd/system")
_DROP_IN: Final = "zz-podman-checkpoint.conf"
_OUTPUT: Final = "zz-podman-checkpoint.out"
_ERRORS: Final = "zz-podman-checkpoint.err"
_NAME: Final = re.compile(r"[\w:.\\@-]+\.service", re.ASCII)
_CID_FILE: Final = re.compile(r" --cidfile[= ](\S+)")
_PODMAN: Final = "/usr/bin/podman"
_FLAGS: Final = (
    *("keep", "tcp_established", "tcp_close", "file_locks"),
    *("ignore_static_ip", "ignore_static_mac"),
)
"""Options of a restore in place; Podman's command has them with dashes."""
_STARTS: Final = 3
_MORE_SECONDS: Final = 30
"""How much longer we wait than systemd, which ends what takes too long."""


class HostUnits:
    """The units of containers of one host.

    Args:
        root: where the host's file system is.
        folder: where it is noted which units are held, as this process sees it.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder

    def look(self, unit: str, starters: Starters) -> Starters:
        """Return what may start a container, with what is seen of its unit."""
        if not _NAME.fullmatch(unit):
            return starters
        loaded = self._loaded(unit)
        seen_by_host = Path("/") / (self._folder / unit).relative_to(self._root)
        return replace(
            starters,
            unit_masked=is_masked(self._root, unit),
            unit_guarded=loaded.is_guarded(seen_by_host),
            unit_idle=loaded.idle,
        )

    def hold(self, unit: str, container_id: str) -> None:
        """Keep a unit from starting and removing its container, durably."""
        write_object(self._folder / unit, {"id": container_id})

    def held(self) -> dict[str, str]:
        """Return the units that are held, each with the ID of its container."""
        notes = {
            path.name: read_as(path, lambda note: str(note["id"]))
            for path in self._folder.glob("*.service")
        }
        return {unit: container_id for unit, container_id in notes.items() if container_id}

    def release(self, unit: str) -> None:
        """Let a unit do again with its container what its files say."""
        # Before the unit is let go: the other command must not be what it is started with.
        if self._drop_in(unit).exists():
            self._put_back(unit)
        (self._folder / unit).unlink(missing_ok=True)
        sync_directory(self._folder)

    def start_if_skipped(self, unit: str) -> bool:
        """Start a unit that was to be started while it was held; return whether it was."""
        if not self._loaded(unit).skipped:
            return False
        systemctl(self._root, "start", "--no-block", "--", unit)
        return True

    def restore(
        self, container: Container, options: RestoreOptions, *, timeout: float
    ) -> dict[str, int]:
        """Start a container's unit so that it restores the container; return CRIU's statistics.

        Raises:
            PodmanTimedOut: it took too long.
            PodmanError: Podman or systemd refused; in their words.
        """
        unit = container.unit
        try:
            with self._restoring(container, options, timeout) as folder:
                if not self._start(unit, timeout):
                    raise self._refusal(unit, folder)
                return _statistics(folder / _OUTPUT)
        except OSError as error:
            raise PodmanError(f"the start of {unit} could not be prepared: {error}") from error

    def _start(self, unit: str, timeout: float) -> bool:
        for _ in range(_STARTS):
            seconds = timeout + _MORE_SECONDS
            if systemctl(self._root, "start", "--", unit, seconds=seconds) is None:
                return False
            # A start that was under way before is joined, and skipped as the unit is held.
            if not self._loaded(unit).skipped:
                return True
        return False

    @contextmanager
    def _restoring(
        self, container: Container, options: RestoreOptions, timeout: float
    ) -> Iterator[Path]:
        """Have a unit restore instead of start, for the time of a block."""
        drop_in = self._drop_in(container.unit)
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        for name in (_OUTPUT, _ERRORS):
            (drop_in.parent / name).unlink(missing_ok=True)
        loaded = self._loaded(container.unit)
        text = _drop_in_text(container, options, loaded, timeout)
        replace_file(drop_in, text.encode(), mode=0o644)
        try:
            if systemctl(self._root, "daemon-reload") is None:
                raise PodmanError("systemctl daemon-reload failed on the host")
            yield drop_in.parent
        finally:
            self._put_back(container.unit)

    def _put_back(self, unit: str) -> None:
        """Have a unit be started by its own command again."""
        drop_in = self._drop_in(unit)
        for name in (_DROP_IN, _OUTPUT, _ERRORS):
            (drop_in.parent / name).unlink(missing_ok=True)
        with suppress(OSError):  # others may have put something there
            drop_in.parent.rmdir()
        if systemctl(self._root, "daemon-reload") is None:
            logger.warning("systemctl daemon-reload failed", extra={"unit": unit})

    def _refusal(self, unit: str, folder: Path) -> PodmanError:
        said = ""
        with suppress(FileNotFoundError):
            said = (folder / _ERRORS).read_text(errors="replace").strip()
        if self._loaded(unit).timed_out:
            return PodmanTimedOut(f"{unit} did not come up in time: {said}")
        return PodmanError(said.removeprefix("Error: ") or f"systemctl start {unit} failed")

    def _loaded(self, unit: str) -> LoadedUnit:
        return loaded_unit(self._root, unit)

    def _drop_in(self, unit: str) -> Path:
        return below(self._root, _DROP_INS) / f"{unit}.d" / _DROP_IN


def _drop_in_text(
    container: Container, options: RestoreOptions, loaded: LoadedUnit, timeout: float
) -> str:
    flags = [f"--{name.replace('_', '-')}" for name in _FLAGS if getattr(options, name)]
    programs = [each.path for each in loaded.commands["ExecStart"] if each.path.endswith("/podman")]
    podman = (*programs, _PODMAN)[0]
    folder = _DROP_INS / f"{container.unit}.d"
    lines = [
        "# Made by the Podman Checkpoint Operator for one start, which restores the container.",
        *("[Unit]", "StartLimitIntervalSec=0", "[Service]"),
        # Empty: what the unit says is left out.
        *("ExecCondition=", "ExecStartPre=", "ExecStart=", "ExecStartPost="),
        *("ExecStop=", "ExecStopPost="),
        f"ExecStart={podman} container restore --print-stats {' '.join(flags)} {container.id}",
        *(_cid_line(each.line, container) for each in loaded.commands["ExecStop"]),
        # Podman ends when the container runs, and leaves the process that watches over it.
        *("Type=forking", f"PIDFile={_literal(container.conmon_pid_file)}"),
        *("Restart=no", f"TimeoutStartSec={max(1, round(timeout))}"),
        # Not truncate: the command after the restore would begin it anew.
        f"StandardOutput=append:{_literal(folder / _OUTPUT)}",
        f"StandardError=append:{_literal(folder / _ERRORS)}",
    ]
    return "\n".join(filter(None, lines)) + "\n"


def _cid_line(stop: str, container: Container) -> str:
    """Return what writes the file by which the unit finds the container that it is to stop."""
    if found := _CID_FILE.search(stop):
        path = _literal(found[1]).replace("\\", "\\\\")
        return f"ExecStartPost=/bin/sh -c \"echo {container.id} >'{path}'\""
    return ""


def _literal(path: object) -> str:
    """Return a path as systemd reads it in a setting that is one; in commands it unescapes, too."""
    return str(path).replace("%", "%%")


def _statistics(output: Path) -> dict[str, int]:
    """Read what ``podman container restore --print-stats`` says."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        said = json.loads(output.read_text())
        return dict(said["container_statistics"][0]["criu_statistics"] or {})
    return {}
