"""The ghost limit when things break: another agent is killed, the file system refuses."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.criu.configuration import ghost_limit
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.host import config_files
from tests.unit.host.holders import CONTAINER, MIB, Holder, auto, exactly, limits, queued, write


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """``/etc/criu/runc.conf`` of the host, which does not exist yet."""
    return tmp_path / "etc/criu/runc.conf"


OTHER_PROCESS = """
import sys
from tests.unit.host.holders import CONTAINER, exactly, limits
from pathlib import Path
with limits(Path(sys.argv[1])).hold(CONTAINER, exactly(4096)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other_process(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another agent on the same host, which holds a limit of exactly 4096 bytes."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def until_locked(folder: Path) -> None:
    """Return when somebody stands at the head of the host's queue."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while True:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            time.sleep(0.01)
    except BlockingIOError:
        os.close(descriptor)


class TestOtherProcesses:
    def test_are_waited_for(self, tmp_path: Path, conf: Path) -> None:
        with other_process(tmp_path) as process:
            with pytest.raises(OperationFailed), limits(tmp_path, 0.1).hold(CONTAINER, auto(MIB)):
                pass
            assert ghost_limit(conf.read_bytes()) == 4096
            shared = limits(tmp_path)
            later = Holder(shared, auto(2 * MIB), [])
            process.communicate("")
            later.wait()
            assert ghost_limit(conf.read_bytes()) == 2 * MIB
            later.let_go()

    def test_do_not_overtake_one_that_waits(self, tmp_path: Path) -> None:
        # Locks belong to open files: further objects are to each other as further processes.
        order: list[str] = []
        waits, comes_later = limits(tmp_path), limits(tmp_path)
        with limits(tmp_path).hold(CONTAINER, auto(MIB)):
            fixed = Holder(waits, exactly(4096), order, "fixed")
            until_locked(tmp_path / "etc/criu")
            last = Holder(comes_later, auto(MIB), order, "auto")
            queued(comes_later, 1)
        fixed.wait()
        fixed.let_go()
        last.wait()
        last.let_go()
        assert order == ["fixed", "auto"]

    def test_that_die_leave_no_lock_and_no_limit(self, tmp_path: Path, conf: Path) -> None:
        write(conf, b"ghost-limit 64M\n")
        with other_process(tmp_path) as process:
            process.kill()
            process.wait()
        assert ghost_limit(conf.read_bytes()) == 4096
        with limits(tmp_path).hold(CONTAINER, auto(8 * MIB)) as held:
            assert held.limit_bytes == 64 * MIB
        assert conf.read_bytes() == b"ghost-limit 64M\n"


class TestRecover:
    def test_puts_back_what_a_dead_holder_left(self, tmp_path: Path, conf: Path) -> None:
        write(conf, b"ghost-limit 64M\n")
        with other_process(tmp_path) as process:
            limits(tmp_path).recover()
            assert ghost_limit(conf.read_bytes()) == 4096
            process.kill()
            process.wait()
        limits(tmp_path).recover()
        assert conf.read_bytes() == b"ghost-limit 64M\n"

    def test_touches_nothing_on_a_new_host(self, tmp_path: Path) -> None:
        limits(tmp_path).recover()
        assert not list(tmp_path.iterdir())

    def test_finds_nothing_wrong_where_nothing_was_changed_yet(
        self, tmp_path: Path, conf: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        write(conf, b"ghost-limit 64M\n")
        note = b'{"/etc/criu/runc.conf": ["ghost-limit 64M\\n", "ghost-limit 4096\\n"]}'
        write(conf.with_name(".podman-checkpoint.lock"), note)
        limits(tmp_path).recover()
        assert conf.read_bytes() == b"ghost-limit 64M\n"
        assert not caplog.records

    def test_takes_a_note_that_was_cut_off_for_none(self, tmp_path: Path, conf: Path) -> None:
        write(conf, b"ghost-limit 64M\n")
        write(conf.with_name(".podman-checkpoint.lock"), b'{"/etc/criu/runc.conf": ["ghost')
        limits(tmp_path).recover()
        assert conf.read_bytes() == b"ghost-limit 64M\n"


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "cause"),
        [(errno.ENOSPC, Cause.NO_SPACE), (errno.EROFS, Cause.PERMISSION_DENIED)],
    )
    def test_of_the_file_system_are_explained(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, cause: Cause
    ) -> None:
        def refuse(*_: object) -> None:
            raise OSError(code, os.strerror(code), "/etc/criu/runc.conf")

        shared = limits(tmp_path)
        monkeypatch.setattr(config_files, "replace", refuse)
        with pytest.raises(OperationFailed) as failure, shared.hold(CONTAINER, auto(64 * MIB)):
            pass
        assert failure.value.cause is cause
        assert "/etc/criu/runc.conf" in failure.value.evidence
        assert "ghost-limit 67108864" in failure.value.remedy
        monkeypatch.undo()
        with shared.hold(CONTAINER, exactly(4096)) as held:
            assert held.limit_bytes == 4096

    def test_links_in_a_circle_are_an_error(self, tmp_path: Path, conf: Path) -> None:
        conf.parent.mkdir(parents=True)
        conf.symlink_to("runc.conf")
        with (
            pytest.raises(OperationFailed, match="symbolic links"),
            limits(tmp_path).hold(CONTAINER, auto(64 * MIB)),
        ):
            pass
