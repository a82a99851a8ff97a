"""Reading CRIU's ``dump.log`` and ``restore.log``: what CRIU said, without what it means.

The first ``Error`` line is the cause of a failure, all others follow from it. What a line means is
in :mod:`.catalogue`. A log can be hundreds of megabytes long and holds paths in any encoding, so
callers read its two ends with :func:`read_ends`; what comes out of here is short and valid text.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD_BYTES: Final = 64 * 1024
TAIL_BYTES: Final = 2 * 1024 * 1024
"""CRIU stops at the first error, but then detaches from every task, with some lines for each."""

MAX_LINE: Final = 8 * 1024
"""CRIU's own limit; a path alone can have 4096 bytes."""

MAX_ERRORS: Final = 40

# (00.123456), (100.12345), or nothing before the log is set up; then the PID while restoring.
_PREFIX: Final = r"(?:\(\d+\.\d+\) *)?(?:pie: *)?(?:\d+: *)?"
_ERROR: Final = re.compile(rf"{_PREFIX}(Error \([\w./-]+:\d+\): .*)")
_VERSION: Final = re.compile(rf"{_PREFIX}Version: (\S+) \(gitid ")
_KERNEL: Final = re.compile(rf"{_PREFIX}Running on \S+ Linux (\S+) ")
_CONFIG_FILE: Final = re.compile(rf"{_PREFIX}Parsing config file (.+)")
_VERDICT: Final = re.compile(
    rf"{_PREFIX}(?:(?P<success>Dumping finished successfully|Restore finished successfully\..*)"
    r"|Error \([\w./-]+:\d+\): (?:Dumping|Restoring) FAILED\.)"
)
_FOREIGN_PROCESS: Final = re.compile(
    rf"{_PREFIX}Warn +\(criu/seize\.c:\d+\): Unexpected process (\d+) in the freezer cgroup"
)
_GHOST: Final = re.compile(
    r"Can't dump ghost file (?P<path>.*) of (?P<size>\d+) size, increase limit"
)

HARMLESS: Final = "rlimit: Can't setup RLIMIT_NOFILE for self"
"""CRIU goes on after this error, and it comes first: who stops at the first line is misled."""

# Harmless while CRIU tries out what the kernel can do, the cause at other times.
_DOUBTFUL: Final = " reported by netlink: "
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
class Log:
    """What one CRIU log says.

    Attributes:
        criu_version: empty when the log ends before CRIU says it.
        kernel: release of the running kernel, or empty.
        config_files: configuration files that CRIU has read, in order. The later one wins.
        errors: the first error lines without time and PID, without those that CRIU survives, and
            without the last, which only says that it failed.
        foreign_processes: PIDs in the container's cgroup that are not below its first process.
        finished: whether CRIU ended with success.
    """

    criu_version: str = ""
    kernel: str = ""
    config_files: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
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
        stream: the log, seekable.
    """
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if length <= HEAD_BYTES + TAIL_BYTES:
        return stream.read(HEAD_BYTES + TAIL_BYTES)
    head = stream.read(HEAD_BYTES)
    stream.seek(length - TAIL_BYTES)
    return head + b"\n" + stream.read(TAIL_BYTES)


def parse(text: str | bytes) -> Log:
    """Read a log. No text is refused: an empty or a foreign one gives an empty :class:`Log`."""
    version = kernel = ""
    finished = False
    config_files: list[str] = []
    errors: list[str] = []
    foreign: list[int] = []
    for line in _lines(text):
        if match := _ERROR.match(line):
            if len(errors) < MAX_ERRORS and not match[1].endswith(_FINAL):
                errors.append(match[1])
        elif not version and (match := _VERSION.match(line)):
            version = match[1]
        elif not kernel and (match := _KERNEL.match(line)):
            kernel = match[1]
        elif match := _CONFIG_FILE.fullmatch(line):
            config_files.append(match[1])
        elif len(foreign) < MAX_ERRORS and (match := _FOREIGN_PROCESS.match(line)):
            foreign.append(int(match[1]))
        # The last verdict counts: a container's file name, logged with a line break in it, could
        # fake an earlier one.
        if match := _VERDICT.fullmatch(line):
            finished = match["success"] is not None
    return Log(
        criu_version=version,
        kernel=kernel,
        config_files=tuple(config_files),
        errors=_telling(errors),
        foreign_processes=tuple(foreign),
        finished=finished,
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


def _telling(errors: list[str]) -> tuple[str, ...]:
    real = [error for error in errors if HARMLESS not in error]
    return tuple(error for error in real if _DOUBTFUL not in error) or tuple(real)
