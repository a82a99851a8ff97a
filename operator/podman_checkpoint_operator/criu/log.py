"""Reading CRIU's ``dump.log`` and ``restore.log``: what CRIU said, without what it means.

The first ``Error`` line is the cause of a failure, all others follow from it. What a line means is
in :mod:`.catalogue`. A log can be hundreds of megabytes long and holds paths in any encoding, so
callers read its two ends with :func:`read_ends`; what comes out of here is short and valid text.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class Phase(StrEnum):
    """What CRIU was doing."""

    DUMP = "dump"
    RESTORE = "restore"


LOG_NAMES: Final = {Phase.DUMP: "dump.log", Phase.RESTORE: "restore.log"}

HEAD_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 2 * 1024 * 1024
"""CRIU stops at the first error, but then detaches from every task, with some lines for each."""

MAX_LINE: Final = 8 * 1024
"""CRIU's own limit; a path alone can have 4096 bytes."""

MAX_ERRORS: Final = 40

# (00.123456), (100.12345), or nothing before the log is set up; then the PID while restoring.
_PREFIX: Final = r"(?:\(\d+\.\d+\) *)?(?:pie: *)?(?:(?P<prefix_pid>\d+): *)?"
_ERROR: Final = re.compile(rf"{_PREFIX}(?P<error>Error \([\w./-]+:\d+\): .*)")
_VERSION: Final = re.compile(rf"{_PREFIX}Version: (?P<version>\S+) \(gitid ")
_KERNEL: Final = re.compile(rf"{_PREFIX}Running on \S+ Linux (?P<release>\S+) ")
_CONFIG_FILE: Final = re.compile(rf"{_PREFIX}Parsing config file (?P<path>.+)")
_VERDICT: Final = re.compile(
    rf"{_PREFIX}(?:(?P<success>Dumping finished successfully|Restore finished successfully\..*)"
    r"|Error \([\w./-]+:\d+\): (?:Dumping|Restoring) FAILED\.)"
)
_FOREIGN_PROCESS: Final = re.compile(
    rf"{_PREFIX}Warn +\(criu/seize\.c:\d+\): Unexpected process (?P<pid>\d+) in the freezer cgroup"
)
_DUMPING: Final = re.compile(
    rf"{_PREFIX}Dumping (?P<what>processes|task) \(pid: (?P<pid>\d+)(?: comm: (?P<comm>.*))?\)"
)
_RESTORING: Final = re.compile(rf"{_PREFIX}(?:Reading image tree|Dump CRIU run id = .*)")
_GHOST: Final = re.compile(
    r"Can't dump ghost file (?P<path>.*) of (?P<size>\d+) size, increase limit"
)

HARMLESS: Final = "rlimit: Can't setup RLIMIT_NOFILE for self"
"""CRIU goes on after this error, and it comes first: who stops at the first line is misled."""

# Harmless while CRIU tries out what the kernel can do, the cause at other times.
_DOUBTFUL: Final = " reported by netlink: "
# CRIU tries again after this, until its time is over.
_TRIED_AGAIN: Final = " found while seizing"
_GAVE_UP: Final = "Timeout reached"
_FINAL: Final = ("Dumping FAILED.", "Restoring FAILED.")

_WORK_PATH: Final = re.compile(r"--work-path (?P<folder>/.*?)(?= --| [0-9a-f]{64}\b|`|$)")
_NAMED_LOG: Final = re.compile(
    r"(?:log file: |CRIU logfile `?|CRIU log `)(?P<path>/[^\n`]*?\.log)\b"
)


@dataclass(frozen=True, kw_only=True)
class GhostRefusal:
    """CRIU refused a deleted, open file that is larger than the ghost limit.

    Attributes:
        path: in the container's mount namespace.
        size_bytes: what CRIU compared with the limit: the space that the file occupies (its
            length before CRIU 3.18).
    """

    path: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of the container.

    Attributes:
        pid: seen from the host in a dump, from the container in a restore.
        comm: its short name as the kernel has it; empty in a restore, which does not log it.
    """

    pid: int
    comm: str = ""


@dataclass(frozen=True, kw_only=True)
class Log:
    """What one CRIU log says.

    Attributes:
        criu_version: empty when the log ends before CRIU says it.
        kernel: release of the running kernel, or empty.
        config_files: configuration files that CRIU has read, in order. The later one wins.
        errors: the first error lines, each once, without time and PID, without those that CRIU
            survives, and without the last, which only says that it failed.
        phase: what CRIU was doing, or None when the log ends before CRIU has begun with it.
        process: the one that CRIU was at when it failed, if it was at a single one.
        foreign_processes: PIDs in the container's cgroup that are not below its first process.
        finished: whether CRIU ended with success.
    """

    criu_version: str = ""
    kernel: str = ""
    config_files: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    phase: Phase | None = None
    process: Process | None = None
    foreign_processes: tuple[int, ...] = ()
    finished: bool = False

    @property
    def ghost_refusal(self) -> GhostRefusal | None:
        """The file that was refused, if that is why the dump failed."""
        match = _GHOST.search(self.errors[0]) if self.errors else None
        return match and GhostRefusal(path=match["path"], size_bytes=int(match["size"]))


def read_ends(stream: BinaryIO) -> bytes:
    """Return a log's beginning and its end; all of it when it is not longer than both.

    Args:
        stream: the log; one that cannot be sought in is read through.
    """
    if not stream.seekable():
        return _read_through(stream)
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if length <= HEAD_BYTES + TAIL_BYTES:
        return stream.read(HEAD_BYTES + TAIL_BYTES)
    head = stream.read(HEAD_BYTES)
    stream.seek(length - TAIL_BYTES)
    return head + b"\n" + stream.read(TAIL_BYTES)


def _read_through(stream: BinaryIO) -> bytes:
    head = stream.read(HEAD_BYTES)
    tail, dropped = bytearray(), False
    while data := stream.read(HEAD_BYTES):
        tail += data
        if len(tail) > TAIL_BYTES:
            del tail[:-TAIL_BYTES]
            dropped = True
    return head + (b"\n" if dropped else b"") + bytes(tail)


def parse(text: str | bytes) -> Log:
    """Read a log. No text is refused: an empty or a foreign one gives an empty :class:`Log`."""
    reader = _Reader()
    for line in _lines(text):
        reader.take(line)
    return reader.log()


class _Reader:
    """Collects what the lines of a log say."""

    def __init__(self) -> None:
        self._heading: dict[str, str] = {}
        self._config_files: list[str] = []
        self._errors: list[tuple[str, Process | None]] = []
        self._foreign: list[int] = []
        self._phase: Phase | None = None
        self._dumped: Process | None = None
        self._finished = False

    def take(self, line: str) -> None:
        """Read the next line."""
        if match := _ERROR.match(line):
            self._take_error(match["error"], match["prefix_pid"])
        elif match := _DUMPING.match(line):
            self._phase = self._phase or Phase.DUMP
            if match["what"] == "task":
                self._dumped = Process(pid=int(match["pid"]), comm=match["comm"] or "")
        elif _RESTORING.fullmatch(line):
            self._phase = self._phase or Phase.RESTORE
        elif match := _VERSION.match(line) or _KERNEL.match(line):
            for name in match.groupdict().keys() - {"prefix_pid"}:
                self._heading.setdefault(name, match[name])
        elif match := _CONFIG_FILE.fullmatch(line):
            self._config_files.append(match["path"])
        elif len(self._foreign) < MAX_ERRORS and (match := _FOREIGN_PROCESS.match(line)):
            self._foreign.append(int(match["pid"]))
        # The last verdict counts: a container's file name, logged with a line break in it, could
        # fake an earlier one.
        if match := _VERDICT.fullmatch(line):
            self._finished = match["success"] is not None
            dumped = "Dumping" in match[0]
            self._phase = self._phase or (Phase.DUMP if dumped else Phase.RESTORE)

    def _take_error(self, error: str, pid: str | None) -> None:
        repeated = any(error == known for known, _ in self._errors)
        if repeated or len(self._errors) >= MAX_ERRORS or error.endswith(_FINAL):
            return
        restored = Process(pid=int(pid)) if pid and self._phase is Phase.RESTORE else None
        self._errors.append((error, self._dumped or restored))

    def log(self) -> Log:
        """Return what was collected."""
        errors = _telling(self._errors)
        return Log(
            criu_version=self._heading.get("version", ""),
            kernel=self._heading.get("release", ""),
            config_files=tuple(self._config_files),
            errors=tuple(error for error, _ in errors),
            phase=self._phase,
            process=next((process for _, process in errors if process), None),
            foreign_processes=tuple(self._foreign),
            finished=self._finished,
        )


def finished(text: str | bytes) -> bool:
    """Return whether this log is of a dump or a restore that CRIU brought to a good end."""
    return parse(text).finished


def left_running(text: str | bytes) -> bool:
    """Return whether this log is of a dump after which CRIU let the processes go on."""
    data = text.encode() if isinstance(text, str) else text
    return re.search(rb"^\([0-9.]+\) Unfreezing tasks into 1$", data, re.MULTILINE) is not None


def location(message: str, *, name: str = "dump.log") -> str | None:
    """Return the path of CRIU's log on the host, from Podman's error message.

    Podman's message for a failed checkpoint is the runtime's command line, for a failed restore
    what the runtime printed; newer runtimes name no path, and then this is None.

    Args:
        message: of Podman's answer.
        name: the log's name in the folder, where only the folder is named.
    """
    if match := _NAMED_LOG.search(message):
        return match["path"]
    if match := _WORK_PATH.search(message):
        return f"{match['folder']}/{name}"
    return None


def _lines(text: str | bytes) -> Iterator[str]:
    raw = text.encode(errors="backslashreplace") if isinstance(text, str) else text
    # BytesIO splits at line feeds only; str.splitlines would also split within a path.
    return (_clean(line) for line in io.BytesIO(raw))


def _clean(line: bytes) -> str:
    """Return a log line as printable text of bounded length; other bytes are written as escapes."""
    text = line[:MAX_LINE].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each == "\t" else repr(each)[1:-1] for each in text
    )


def _telling(errors: list[tuple[str, Process | None]]) -> list[tuple[str, Process | None]]:
    gave_up = any(_GAVE_UP in error for error, _ in errors)
    real = [
        each
        for each in errors
        if HARMLESS not in each[0] and (gave_up or not each[0].endswith(_TRIED_AGAIN))
    ]
    return [each for each in real if _DOUBTFUL not in each[0]] or real
