"""Every known failure is recognised by a realistic line, and its remedy says what to set.

The lines are those of CRIU 4.2.1 (some of 4.1.1), runc 1.1.15, crun 1.21 to 1.28 and Podman 5.4.2,
as seen on a host or as their sources format them.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.criu.catalogue import diagnose, diagnose_log, diagnose_podman
from podman_checkpoint_operator.criu.diagnosis import MAX_EVIDENCE
from podman_checkpoint_operator.criu.dump_failures import DUMP_FAILURES
from podman_checkpoint_operator.criu.entry import PLACES, Entry
from podman_checkpoint_operator.criu.general_failures import EXHAUSTED, LAST_RESORT
from podman_checkpoint_operator.criu.log import Phase
from podman_checkpoint_operator.criu.podman_failures import PODMAN_FAILURES
from podman_checkpoint_operator.criu.restore_failures import RESTORE_FAILURES

HEAD = """\
(00.000000) Would overwrite RPC settings with values from /etc/criu/runc.conf
(00.000010) Parsing config file /etc/criu/runc.conf
(00.000029) Version: 4.2.1 (gitid 0)
(00.000034) Running on host-a Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC x86_64
"""
RLIMIT = (
    "Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted"
)
FAILED = {
    Phase.DUMP: "(00.148211) Error (criu/cr-dump.c:2128): Dumping FAILED.\n",
    Phase.RESTORE: "(00.148211) Error (criu/cr-restore.c:2324): Restoring FAILED.\n",
}
DUMP_FAILED = "(00.148) Error (criu/cr-dump.c:1683): Dump files (pid: 31 comm: sh) failed with -1\n"

FAILURES = Path(__file__).with_name("failures")
Row = tuple[Cause, str, str]


def rows(name: str) -> list[Row]:
    """Cause, a part of the remedy and the line, from each row of a table."""
    lines = (FAILURES / f"{name}.txt").read_text().splitlines()
    split = (line.split(" | ", 2) for line in lines if not line.startswith("#"))
    return [(Cause(cause), remedy, line) for cause, remedy, line in split]


DUMP, RESTORE, PODMAN = rows("dump"), rows("restore"), rows("podman")
GHOST = (
    "Error (criu/files-reg.c:1031): Can't dump ghost file /ghost of 3145728 size, increase limit"
)
BUNDLE = "/var/lib/containers/storage/overlay-containers/0a0a/userdata"
EXIT_STATUS = (
    f"`/usr/bin/runc checkpoint --image-path {BUNDLE}/checkpoint --work-path {BUNDLE} {'0a' * 32}` "
    "failed: exit status 1"
)


def a_log(line: str, phase: Phase) -> str:
    return f"{HEAD}(00.000051) {RLIMIT}\n(00.147811) {line}\n{DUMP_FAILED}{FAILED[phase]}"


@pytest.mark.parametrize(("cause", "remedy", "line"), DUMP)
def test_dump_log(cause: Cause, remedy: str, line: str) -> None:
    found = diagnose_log(a_log(line, Phase.DUMP), Phase.DUMP)
    assert (found.cause, found.evidence) == (cause, line)
    assert remedy in found.remedy


@pytest.mark.parametrize(("cause", "remedy", "line"), RESTORE)
def test_restore_log(cause: Cause, remedy: str, line: str) -> None:
    found = diagnose_log(a_log(line, Phase.RESTORE), Phase.RESTORE)
    assert (found.cause, found.evidence) == (cause, line)
    assert remedy in found.remedy


@pytest.mark.parametrize(("cause", "remedy", "message"), PODMAN)
def test_podman_message(cause: Cause, remedy: str, message: str) -> None:
    found = diagnose_podman(message)
    assert (found.cause, found.evidence) == (cause, message)
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("entries", "known"),
    [
        (DUMP_FAILURES + EXHAUSTED + LAST_RESORT, DUMP),
        (RESTORE_FAILURES, RESTORE),
        (PODMAN_FAILURES, PODMAN),
    ],
)
def test_every_entry_has_a_line_here(entries: tuple[Entry, ...], known: list[Row]) -> None:
    for entry in entries:
        assert any(entry.search(line) for _, _, line in known), entry.pattern


@pytest.mark.parametrize(
    "entry", DUMP_FAILURES + RESTORE_FAILURES + PODMAN_FAILURES + EXHAUSTED + LAST_RESORT
)
def test_a_remedy_names_only_what_it_can_fill_in(entry: Entry) -> None:
    named = {field for _, field, _, _ in string.Formatter().parse(entry.remedy) if field}
    assert named <= set(re.compile(entry.pattern).groupindex) | set(PLACES)
    assert entry.remedy.endswith(".")


class TestOrder:
    def test_the_first_known_line_is_the_cause(self) -> None:
        locks = "(00.1) Error (criu/file-lock.c:110): Some file locks are hold by dumping tasks! "
        text = a_log(GHOST, Phase.DUMP) + locks + "You can try --file-locks\n"
        assert diagnose_log(text, Phase.DUMP).cause is Cause.GHOST_FILE_TOO_LARGE

    def test_an_unknown_first_line_stays_in_the_evidence(self) -> None:
        first = "Error (criu/new.c:7): Something that nobody knows"
        text = f"{HEAD}(00.1) {first}\n" + a_log(GHOST, Phase.DUMP)
        found = diagnose_log(text, Phase.DUMP)
        assert found.cause is Cause.GHOST_FILE_TOO_LARGE
        assert found.evidence.startswith(f"{first}\nError (criu/files-reg.c:1031)")

    def test_permissions_are_blamed_last(self) -> None:
        denied = "(00.1) Error (criu/util.c:1): Can't open x: Permission denied\n"
        text = denied + a_log(GHOST, Phase.DUMP)
        assert diagnose_log(text, Phase.DUMP).cause is Cause.GHOST_FILE_TOO_LARGE


class TestUnknown:
    def test_shows_the_first_errors_and_where_the_log_is(self) -> None:
        text = a_log("Error (criu/new.c:7): Something that nobody knows", Phase.DUMP)
        found = diagnose_log(text, Phase.DUMP, path=f"{BUNDLE}/dump.log")
        assert found.cause is Cause.UNKNOWN
        assert found.evidence.startswith("Error (criu/new.c:7): Something that nobody knows\n")
        assert f"{BUNDLE}/dump.log" in found.remedy

    def test_of_podman_names_the_journal(self) -> None:
        found = diagnose_podman("this is new")
        assert (found.cause, found.evidence) == (Cause.UNKNOWN, "this is new")
        assert "journalctl -u podman.service" in found.remedy


class TestSilentLog:
    @pytest.mark.parametrize("text", ["", HEAD])
    def test_makes_the_configuration_suspect(self, text: str) -> None:
        found = diagnose_log(text, Phase.DUMP, path="/x/dump.log")
        assert found.cause is Cause.CRIU_CONFIG_INVALID
        assert "/x/dump.log holds no error line" in found.evidence
        assert "/etc/criu/" in found.remedy

    def test_names_the_file_that_was_read(self) -> None:
        assert "Check /etc/criu/runc.conf" in diagnose_log(HEAD, Phase.DUMP).remedy

    def test_that_ends_in_the_middle_tells_of_an_end_from_outside(self) -> None:
        text = HEAD + "(00.1) Dumping processes (pid: 149 comm: sh)\n"
        found = diagnose_log(text, Phase.DUMP)
        assert (found.cause, found.transient) == (Cause.INTERRUPTED, True)
        full = "write /x: no space left on device"
        assert diagnose(full, text, Phase.DUMP).cause is Cause.NO_SPACE

    def test_of_a_dump_that_succeeded_blames_nobody(self) -> None:
        text = HEAD + "(00.2) Dumping finished successfully\n"
        assert diagnose_log(text, Phase.DUMP).cause is Cause.UNKNOWN


class TestExecSession:
    SOCKET = (
        "Error (criu/sk-unix.c:874): unix: External socket is used. "
        "Consider using --ext-unix-sk option."
    )
    WARNING = (
        "(00.1) Warn  (criu/seize.c:404): Unexpected process 1420 in the freezer cgroup (status "
        "0x57f)\n"
    )

    def test_is_told_from_other_external_sockets(self) -> None:
        found = diagnose_log(self.WARNING + a_log(self.SOCKET, Phase.DUMP), Phase.DUMP)
        assert found.cause is Cause.EXEC_SESSION
        assert "1420" in found.evidence
        assert "External socket is used" in found.evidence

    def test_is_not_blamed_for_other_failures(self) -> None:
        found = diagnose_log(self.WARNING + a_log(GHOST, Phase.DUMP), Phase.DUMP)
        assert found.cause is Cause.GHOST_FILE_TOO_LARGE


class TestMessageAndLog:
    GHOST_LOG = a_log(GHOST, Phase.DUMP)

    def test_the_log_explains_an_exit_status(self) -> None:
        found = diagnose(EXIT_STATUS, self.GHOST_LOG, Phase.DUMP)
        assert found.cause is Cause.GHOST_FILE_TOO_LARGE

    def test_an_older_log_explains_nothing_that_podman_explains(self) -> None:
        old = a_log(
            "Error (criu/sk-inet.c:912): inet: Connected TCP socket in image", Phase.RESTORE
        )
        port = "cannot listen on the TCP port: listen tcp4 :9000: bind: address already in use"
        assert diagnose(port, old, Phase.RESTORE).cause is Cause.PORT_IN_USE

    def test_without_log_the_message_must_do(self) -> None:
        assert diagnose(EXIT_STATUS, None, Phase.DUMP).cause is Cause.UNKNOWN

    def test_an_empty_log_does_not_hide_a_full_disk(self) -> None:
        found = diagnose("write /x: no space left on device", "", Phase.DUMP)
        assert found.cause is Cause.NO_SPACE

    def test_a_silent_log_makes_the_configuration_suspect(self) -> None:
        assert diagnose(EXIT_STATUS, HEAD, Phase.DUMP).cause is Cause.CRIU_CONFIG_INVALID

    def test_an_unknown_error_of_criu_is_shown(self) -> None:
        text = a_log("Error (criu/new.c:7): Something that nobody knows", Phase.DUMP)
        found = diagnose(EXIT_STATUS, text, Phase.DUMP)
        assert (found.cause, found.evidence[:25]) == (Cause.UNKNOWN, "Error (criu/new.c:7): Som")

    def test_cruns_excerpt_in_the_message_is_read(self) -> None:
        message = (
            f"crun: (00.01) {RLIMIT}\ncrun: (00.02) Error (criu/sk-inet.c:912): inet: "
            "Connected TCP socket in image: OCI runtime error"
        )
        assert diagnose_podman(message).cause is Cause.TCP_ESTABLISHED

    def test_the_error_that_criu_survives_is_never_blamed(self) -> None:
        message = f"crun: {RLIMIT}: OCI permission denied"
        text = a_log("Error (criu/new.c:7): Something that nobody knows", Phase.RESTORE)
        assert diagnose_podman(message).cause is Cause.UNKNOWN
        assert diagnose(message, text, Phase.RESTORE).evidence.startswith("Error (criu/new.c:7)")


def test_only_what_passes_by_itself_is_transient() -> None:
    transient = {
        cause
        for cause, _, line in DUMP
        if diagnose_log(a_log(line, Phase.DUMP), Phase.DUMP).transient
    }
    assert transient == {
        Cause.TCP_IN_FLIGHT,
        Cause.EXTERNAL_UNIX_SOCKET,
        Cause.EXEC_SESSION,
        Cause.UNSUPPORTED_PROCESS,
        Cause.CANNOT_FREEZE,
        Cause.NO_MEMORY,
    }


@given(st.binary(max_size=3000), st.text(max_size=3000), st.sampled_from(Phase))
def test_everything_is_explained_in_bounded_text(log: bytes, message: str, phase: Phase) -> None:
    for prefix in (b"", b"Error (criu/a.c:1): "):
        found = diagnose(message, prefix + log, phase)
        assert len(found.evidence) <= MAX_EVIDENCE
        assert found.remedy
