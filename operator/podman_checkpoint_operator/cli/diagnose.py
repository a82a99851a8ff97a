"""``podman-checkpoint-agent diagnose``: explains a log of CRIU's, away from any host."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..api.reasons import Cause
from ..criu import log as criu_log
from ..criu.catalogue import diagnose_log, diagnose_podman
from ..criu.log import Log, Phase
from .output import CannotRead, add_reader, opened

if TYPE_CHECKING:
    from ..criu.diagnosis import Diagnosis

EXPLAINED: Final = 0
UNKNOWN: Final = 1
"""The log tells of a failure that the catalogue does not know."""

DESCRIPTION: Final = f"""\
Explain dump.log or restore.log: what failed, CRIU's own words for it, and what to do. What Podman
or the runtime printed is explained as well. Nothing but the file is looked at.

exit status:
  {EXPLAINED}  explained, or CRIU was successful
  {UNKNOWN}  it failed, and nobody knows why; the first errors are shown
  2  the file cannot be read or is no such log
"""
_WIDTH: Final = 100
_OPTIONS_FILES: Final = "/etc/criu/*.conf"


def add_parser(commands: Any) -> None:
    """Add the command to a parser's commands."""
    add_reader(
        commands,
        "diagnose",
        diagnose,
        summary="explain a log of CRIU's",
        description=DESCRIPTION,
        metavar="FILE",
        file_help="dump.log or restore.log",
    )


def diagnose(file: str, output: str) -> int:
    """Explain a file and return the exit status.

    Raises:
        CannotRead: it cannot be read, or is no log of CRIU's.
    """
    shown = explain(_read(file), file)
    print(json.dumps(shown, indent=2) if output == "json" else _text(shown))
    return UNKNOWN if shown["cause"] == Cause.UNKNOWN else EXPLAINED


def explain(text: bytes, name: str) -> dict[str, Any]:
    """Return what is to be told about a log, as ``-o json`` prints it.

    Args:
        text: the log, or both ends of it.
        name: of the file, as the user knows it.

    Raises:
        CannotRead: this is neither a log of CRIU's nor a message of Podman's that is known.
    """
    if not text:
        raise CannotRead(
            f"{name} is empty: CRIU has not begun. It ends so when it cannot read its options:"
            f" look at {_OPTIONS_FILES} on the host"
        )
    log = criu_log.parse(text)
    if log == Log():
        return _told(log, None, _by_message(text, name))
    phase = log.phase or (Phase.RESTORE if "restore" in Path(name).name else Phase.DUMP)
    found = None if log.finished else diagnose_log(text, phase)
    return _told(log, phase, found)


def _by_message(text: bytes, name: str) -> Diagnosis:
    message = text[: criu_log.HEAD_BYTES].decode(errors="backslashreplace").strip()
    found = diagnose_podman(message)
    if found.cause is Cause.UNKNOWN:
        raise CannotRead(f"{name} is no log of CRIU's: it has none of its lines")
    return found


def _told(log: Log, phase: Phase | None, found: Diagnosis | None) -> dict[str, Any]:
    return {
        "phase": phase,
        "succeeded": found is None,
        "criuVersion": log.criu_version or None,
        "kernelVersion": log.kernel or None,
        "configFiles": list(log.config_files),
        "process": log.process and {"pid": log.process.pid, "comm": log.process.comm or None},
        "cause": found and found.cause,
        "evidence": found and found.evidence,
        "remedy": found and found.remedy,
        "retry": found and found.transient,
    }


def _read(file: str) -> bytes:
    with opened(file) as stream:
        try:
            return criu_log.read_ends(stream)
        except OSError as error:
            raise CannotRead(f"cannot read {file}: {error.strerror}") from error


def _text(told: dict[str, Any]) -> str:
    process = told["process"]
    about = {
        "Operation": told["phase"] and f"{told['phase']}, {_outcome(told)}",
        "CRIU": told["criuVersion"],
        "Kernel": told["kernelVersion"],
        "Options": ", ".join(told["configFiles"]),
        "Process": process and f"PID {process['pid']} {process['comm'] or ''}".strip(),
        "Cause": told["cause"],
        "Evidence": told["evidence"],
        "Remedy": told["remedy"],
        "Retry": told["cause"] and ("may help by itself" if told["retry"] else "does not help"),
    }
    return "\n".join(_field(name, value) for name, value in about.items() if value)


def _outcome(told: dict[str, Any]) -> str:
    return "successful" if told["succeeded"] else "failed"


def _field(name: str, value: str) -> str:
    lines = value.splitlines()
    if name != "Evidence":  # that is quoted literally, so that it can be searched for
        lines = textwrap.wrap(value, _WIDTH - 11, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent("\n".join(lines), " " * 11).replace(" " * 11, f"{name + ':':<11}", 1)
