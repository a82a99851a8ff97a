"""What a failure means: from CRIU's log and Podman's error to cause, evidence and remedy.

The entries are in :mod:`.dump_failures`, :mod:`.restore_failures`, :mod:`.podman_failures` with
:mod:`.host_failures`, and :mod:`.general_failures`. Error lines are tried in the order of the log,
since the first one is the cause; a line that no entry knows is passed over, but it stays in the
evidence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from . import log as criu_log
from .diagnosis import Diagnosis, evidence
from .dump_failures import DUMP_FAILURES
from .general_failures import EXHAUSTED, LAST_RESORT
from .log import LOG_NAMES, Phase
from .podman_failures import PODMAN_FAILURES
from .restore_failures import RESTORE_FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .entry import Entry


CATALOGUE: Final = {
    "dump": DUMP_FAILURES,
    "restore": RESTORE_FAILURES,
    "Podman": PODMAN_FAILURES,
    "any": EXHAUSTED + LAST_RESORT,
}
"""Every known failure, by who reports it and when; ``docs/reasons.md`` shows it as one table."""

_BY_PHASE: Final = {
    Phase.DUMP: DUMP_FAILURES + EXHAUSTED,
    Phase.RESTORE: RESTORE_FAILURES + EXHAUSTED,
}
_BY_SILENCE: Final = (Cause.UNKNOWN, Cause.CRIU_CONFIG_INVALID, Cause.INTERRUPTED)
"""Causes to which a log may lead that holds no error line."""

_SHOWN_ERRORS: Final = 5
_QUOTED_BY: Final = re.compile(r"\b(?:crun|runc): ")


def diagnose_log(text: str | bytes, phase: Phase, *, path: str = "") -> Diagnosis:
    """Explain a failed dump or restore by its log.

    Args:
        text: the log, or both ends of it (:func:`.log.read_ends`).
        phase: which of both it was.
        path: where the log is on the host; named to the user when nothing here can explain it.
    """
    log = criu_log.parse(text)
    where = path or LOG_NAMES[phase]
    whole = f"The whole log is {path} on the host; search" if path else "Search"
    if not log.errors:
        return _silent(log, where)
    found = _search(log.errors, _BY_PHASE[phase]) or _search(log.errors, LAST_RESORT)
    if found is None:
        return Diagnosis(
            cause=Cause.UNKNOWN,
            evidence=evidence(log.errors[:_SHOWN_ERRORS]),
            remedy=f"The first error line names what CRIU could not do. {whole} the issues of CRIU "
            "(github.com/checkpoint-restore/criu) for that line.",
        )
    return _blame_exec_session(log, found)


def diagnose_podman(message: str) -> Diagnosis:
    """Explain an error of Podman's API by its message.

    A message that only says that the runtime failed gives ``Cause.UNKNOWN``: the reason is in the
    log that :func:`.log.location` finds.
    """
    # The runtime may quote the log, and Podman puts the runtime's name before each quotation.
    errors = criu_log.parse(_QUOTED_BY.sub("\n", message)).errors
    last_resort = () if criu_log.HARMLESS in message else LAST_RESORT
    return (
        _search((message,), PODMAN_FAILURES)
        or _search(errors, DUMP_FAILURES + RESTORE_FAILURES)
        or _search((message,), EXHAUSTED + last_resort)
        or Diagnosis(
            cause=Cause.UNKNOWN,
            evidence=evidence((message,)),
            remedy="Podman does not say more. Look at the journal of its service on the host: "
            "`journalctl -u podman.service`.",
        )
    )


def diagnose(message: str, log: str | bytes | None, phase: Phase, *, path: str = "") -> Diagnosis:
    """Explain a failure of Podman's by its message and, where that says nothing, by CRIU's log.

    The message comes first: Podman fails before CRIU starts as well, and then an older attempt's
    log may lie there.

    Args:
        message: of Podman's answer.
        log: None when there is none or it cannot be read.
        phase: what Podman was asked for.
        path: where the log is on the host.
    """
    known = _search((message,), PODMAN_FAILURES)
    if known is not None or log is None:
        return known or diagnose_podman(message)
    by_log = diagnose_log(log, phase, path=path)
    if by_log.cause not in _BY_SILENCE:
        return by_log
    by_message = diagnose_podman(message)
    return by_log if by_message.cause is Cause.UNKNOWN else by_message


def _search(lines: Sequence[str], entries: Iterable[Entry]) -> Diagnosis | None:
    entries = tuple(entries)
    for number, line in enumerate(lines):
        for entry in entries:
            if match := entry.search(line):
                shown = (line,) if number == 0 else (lines[0], line)
                return entry.explain(match, evidence(shown))
    return None


def _silent(log: criu_log.Log, where: str) -> Diagnosis:
    """Explain a log without any error."""
    if log.finished:
        return Diagnosis(
            cause=Cause.UNKNOWN,
            evidence=f"{where} says that CRIU finished successfully.",
            remedy="The runtime or Podman failed after CRIU. Look at the journal of Podman's "
            "service on the host: `journalctl -u podman.service`.",
        )
    if log.phase is not None:
        return Diagnosis(
            cause=Cause.INTERRUPTED,
            evidence=f"{where} ends in the middle of the {log.phase}, without an error line.",
            remedy="CRIU was killed, or it is still at work. See who ended it: `journalctl -k` "
            "tells when memory ran out, Podman's and the agent's logs when they gave up waiting.",
            transient=True,
        )
    files = ", ".join(log.config_files) or "/etc/criu/*.conf"
    return Diagnosis(
        cause=Cause.CRIU_CONFIG_INVALID,
        evidence=evidence((f"{where} holds no error line. Configuration files: {files}.",)),
        remedy="CRIU ends like this when it meets an option that it does not know. Check "
        f"{files} on the host: one option of `criu --help` per line, without `--`. If they are "
        "right, see whether CRIU was killed: `journalctl -k`.",
    )


def _blame_exec_session(log: criu_log.Log, found: Diagnosis) -> Diagnosis:
    """Tell a socket to an exec'd process, which is not of the container's tree, from others."""
    if found.cause is not Cause.EXTERNAL_UNIX_SOCKET or not log.foreign_processes:
        return found
    pids = ", ".join(str(pid) for pid in log.foreign_processes[:_SHOWN_ERRORS])
    seen = f"Process {pids} is in the container's cgroup but not below its PID 1."
    return Diagnosis(
        cause=Cause.EXEC_SESSION,
        evidence=evidence((seen, found.evidence)),
        remedy="A `podman exec` session or a health check is connected to the container's own "
        "server. End the session (for a health check, wait until it is over) and create the "
        "checkpoint again.",
        transient=True,
    )
