"""Reading CRIU's logs: the head, the error that is the cause, the verdict, whatever the bytes.

What a line means is tested with the catalogue.
"""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.criu import log

HEAD = b"""\
(00.000000) Would overwrite RPC settings with values from /etc/criu/runc.conf
(00.000010) Parsing config file /etc/criu/runc.conf
(00.000029) Version: 4.2.1 (gitid 0)
(00.000034) Running on host-a Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC x86_64
(00.000051) File /run/criu/criu.kdat does not exist
(00.000063) rlimit: RLIMIT_NOFILE unlimited for self
"""
GHOST = (
    b"(00.147811) Error (criu/files-reg.c:1031): "
    b"Can't dump ghost file /ghost of 3145728 size, increase limit\n"
)
FAILED = b"""\
(00.147902) Error (criu/cr-dump.c:1683): Dump files (pid: 31 comm: sh) failed with -1
(00.148211) Error (criu/cr-dump.c:2128): Dumping FAILED.
"""
DUMPED = b"(00.231702) Dumping finished successfully\n"
RLIMIT = (
    b"(00.000051) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: "
    b"Operation not permitted\n"
)


class TestHead:
    def test_tells_versions_and_configuration_files(self) -> None:
        read = log.parse(b"Parsing config file /etc/criu/default.conf\n" + HEAD)
        assert read.criu_version == "4.2.1"
        assert read.kernel == "6.18.44"
        assert read.config_files == ("/etc/criu/default.conf", "/etc/criu/runc.conf")

    def test_of_an_empty_log_tells_nothing(self) -> None:
        assert log.parse(b"") == log.Log()


class TestSubject:
    DUMP = b"""\
(00.049889) Dumping processes (pid: 149 comm: sh)
(00.061127) Dumping task (pid: 149 comm: sh)
(00.061127) Dumping task (pid: 165 comm: a) b)
"""
    RESTORE = b"(00.003022) Reading image tree\n"
    MISSING = b"Error (criu/files-reg.c:2353): Can't open file log on restore: No such file\n"

    def test_of_a_dump_is_the_process_that_was_at_work(self) -> None:
        read = log.parse(HEAD + self.DUMP + GHOST + FAILED)
        assert (read.phase, read.process) == (log.Phase.DUMP, log.Process(pid=165, comm="a) b"))

    def test_of_an_older_dump_has_no_name(self) -> None:
        read = log.parse(b"(00.06) Dumping task (pid: 7)\n" + GHOST)
        assert read.process == log.Process(pid=7)

    def test_is_no_process_before_the_first(self) -> None:
        assert log.parse(HEAD + self.DUMP.splitlines(True)[0] + GHOST).process is None

    def test_of_a_restore_is_in_the_line(self) -> None:
        read = log.parse(HEAD + self.RESTORE + b"(00.05)     12: " + self.MISSING)
        assert (read.phase, read.process) == (log.Phase.RESTORE, log.Process(pid=12))

    @pytest.mark.parametrize(
        ("verdict", "phase"),
        [(FAILED, "dump"), (b"Error (criu/cr-restore.c:1): Restoring FAILED.\n", "restore")],
    )
    def test_is_known_by_the_verdict_alone(self, verdict: bytes, phase: str) -> None:
        assert log.parse(verdict).phase == phase

    def test_is_unknown_while_criu_has_not_begun(self) -> None:
        assert log.parse(HEAD).phase is None


class TestErrors:
    def test_are_in_order_without_time_and_without_the_last(self) -> None:
        assert log.parse(HEAD + GHOST + FAILED).errors == (
            "Error (criu/files-reg.c:1031): "
            "Can't dump ghost file /ghost of 3145728 size, increase limit",
            "Error (criu/cr-dump.c:1683): Dump files (pid: 31 comm: sh) failed with -1",
        )

    @pytest.mark.parametrize(
        "prefix", ["", "(00.000000) ", "(100.12345) ", "(00.05)      1: ", "(00.05) pie: 42: "]
    )
    def test_are_found_behind_every_prefix(self, prefix: str) -> None:
        line = "Error (criu/pie/restorer.c:196): can't write lsm profile -13"
        assert log.parse(f"{prefix}{line}\n").errors == (line,)

    def test_without_the_one_that_criu_survives(self) -> None:
        assert "ghost" in log.parse(HEAD + RLIMIT + GHOST).errors[0]

    def test_of_netlink_count_only_when_there_is_no_other(self) -> None:
        netlink = "Error (criu/libnetlink.c:54): -95 reported by netlink: Operation not supported"
        assert "ghost" in log.parse(netlink.encode() + b"\n" + GHOST).errors[0]
        assert log.parse(netlink).errors == (netlink,)

    def test_are_told_once(self) -> None:
        assert len(log.parse(GHOST * 50 + FAILED).errors) == 2

    def test_of_a_process_that_could_not_be_seized_count_only_when_criu_gave_up(self) -> None:
        zombie = b"(00.1) Error (criu/seize.c:335): zombie 7 (comm x) found while seizing\n"
        assert "ghost" in log.parse(zombie * 3 + GHOST).errors[0]
        gave_up = b"(10.0) Error (criu/cr-dump.c:1655): Timeout reached. Try to interrupt: 0\n"
        assert "zombie 7" in log.parse(zombie * 99 + gave_up).errors[0]

    def test_are_valid_text_whatever_the_bytes(self) -> None:
        (error,) = log.parse(b"(00.1) Error (criu/a.c:1): /tmp/\xff\x1b[31m\xe2\x80\xa8x\n").errors
        assert error == r"Error (criu/a.c:1): /tmp/\xff\x1b[31m\u2028x"

    def test_are_bounded_in_number_and_length(self) -> None:
        lines = (b"Error (criu/a.c:%d): %s\n" % (number, b"x" * 9_999) for number in range(99))
        read = log.parse(b"".join(lines))
        assert len(read.errors) == log.MAX_ERRORS
        assert len(read.errors[0]) <= log.MAX_LINE

    def test_are_not_what_a_path_in_another_line_says(self) -> None:
        assert not log.parse(b"(00.1) Dumping path for 3 [/Error (criu/a.c:1): x]\n").errors


class TestGhostRefusal:
    def test_names_file_and_size(self) -> None:
        refusal = log.parse(HEAD + RLIMIT + GHOST + FAILED).ghost_refusal
        assert refusal == log.GhostRefusal(path="/ghost", size_bytes=3145728)

    def test_of_a_path_of_any_length_with_blanks(self) -> None:
        path = "/" + "/".join(["a of 5 size b"] * 310)
        line = f"(00.1) Error (criu/files-reg.c:1031): Can't dump ghost file {path} of 7 size, "
        assert log.parse(line + "increase limit\n").ghost_refusal == log.GhostRefusal(
            path=path, size_bytes=7
        )

    def test_is_none_when_another_error_came_first(self) -> None:
        other = b"(00.1) Error (criu/sk-inet.c:200): inet: Connected TCP socket\n"
        assert log.parse(other + GHOST).ghost_refusal is None

    def test_is_none_without_error(self) -> None:
        assert log.parse(HEAD + DUMPED).ghost_refusal is None


class TestFinished:
    def test_dump(self) -> None:
        assert log.finished(HEAD + DUMPED)

    def test_restore(self) -> None:
        assert log.finished("(00.21) Restore finished successfully. Tasks resumed.\n")

    def test_not_when_it_failed(self) -> None:
        assert not log.finished(HEAD + GHOST + FAILED)

    def test_not_when_it_was_cut_off(self) -> None:
        assert not log.finished(HEAD)

    def test_not_by_a_memory_only_dump(self) -> None:
        assert not log.finished(b"(00.2) Pre-dumping finished successfully\n")

    def test_a_file_name_cannot_fake_it(self) -> None:
        fake = b"(00.1) Dumping path for 3 fd via self 19 [/x\nDumping finished successfully\n]\n"
        assert not log.finished(HEAD + fake + GHOST + FAILED)


def test_foreign_processes_are_those_outside_the_tree() -> None:
    line = b"(00.1) Warn  (criu/seize.c:404): Unexpected process 1420 in the freezer cgroup (st"
    assert log.parse(HEAD + line + b"atus 0x57f)\n").foreign_processes == (1420,)


class Pipe(io.BytesIO):
    """Can only be read on."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise AssertionError


class TestReadEnds:
    @pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
    @pytest.mark.parametrize("times", [1, 1000])
    def test_of_a_short_log_is_all_of_it(self, stream: type[io.BytesIO], times: int) -> None:
        text = HEAD + GHOST * times + FAILED
        assert log.read_ends(stream(text)) == text

    @pytest.mark.parametrize("stream", [io.BytesIO, Pipe])
    def test_of_a_huge_log_has_head_error_and_verdict(self, stream: type[io.BytesIO]) -> None:
        filler = b"(00.1) Dumping path for -3 fd via self 19 [/var/lib/postgresql]\n" * 60_000
        ends = log.read_ends(stream(HEAD + filler + GHOST + filler[:10_000] + FAILED))
        read = log.parse(ends)
        assert len(ends) <= log.HEAD_BYTES + log.TAIL_BYTES + 1
        assert read.criu_version == "4.2.1"
        assert read.ghost_refusal is not None
        assert not read.finished


class TestLocation:
    ID = "0a" * 32
    FOLDER = f"/var/lib/containers/storage/overlay-containers/{ID}/userdata"

    @pytest.mark.parametrize("options", ["", " --leave-running --leave-running"])
    def test_of_a_failed_checkpoint_is_in_the_work_path(self, options: str) -> None:
        message = (
            f"`/usr/bin/runc checkpoint --image-path {self.FOLDER}/checkpoint "
            f"--work-path {self.FOLDER}{options} {self.ID}` failed: exit status 1"
        )
        assert log.location(message) == f"{self.FOLDER}/dump.log"

    def test_may_have_blanks(self) -> None:
        message = f"`crun checkpoint --work-path /my disk/userdata {self.ID}` failed: exit status 1"
        assert log.location(message) == "/my disk/userdata/dump.log"

    @pytest.mark.parametrize(
        "message",
        [
            "runc: criu failed: type NOTIFY errno 0\nlog file: {}/restore.log: OCI runtime error",
            "crun: CRIU restoring failed -52.  Please check CRIU logfile {}/restore.log",
            "crun: CRIU restoring failed -52.  Please check CRIU logfile `{}/restore.log`",
            "--- excerpt from CRIU log `{}/restore.log`",
        ],
    )
    def test_of_a_failed_restore_is_what_the_runtime_says(self, message: str) -> None:
        assert log.location(message.format(self.FOLDER)) == f"{self.FOLDER}/restore.log"

    def test_is_none_where_nothing_is_named(self) -> None:
        assert log.location("runc: criu failed: type RESTORE errno 0: OCI runtime error") is None


@given(st.binary(max_size=2000))
def test_no_log_is_refused(text: bytes) -> None:
    read = log.parse(text)
    "\n".join(read.errors).encode()


@given(st.text(st.characters(), max_size=500))
def test_no_text_is_refused(text: str) -> None:
    log.parse(text)


def test_tells_whether_the_processes_went_on() -> None:
    stopped = b"(00.421750) Unfreezing tasks into 2\n(00.421758) \tUnseizing 5986 into 2\n"
    assert log.left_running(stopped.replace(b"into 2", b"into 1"))
    assert not log.left_running(stopped)
    assert not log.left_running("(00.1) Dumping path [/x (00.1) Unfreezing tasks into 1 ]\n")
