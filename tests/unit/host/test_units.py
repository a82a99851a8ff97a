"""A unit is held by a file, known to be guarded by what systemd says, and restores for one start.

Not here: that systemd does all that; tests/e2e/test_quadlets.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from podman_checkpoint_operator.decisions.starters import Starters
from podman_checkpoint_operator.host import systemd
from podman_checkpoint_operator.host.units import HostUnits
from podman_checkpoint_operator.reconcilers.podman_port import (
    PodmanError,
    PodmanTimedOut,
    RestoreOptions,
)
from tests.lab.paths import CHECKOUT
from tests.unit.samples import CONTAINER

UNIT = "db.service"
DB = replace(CONTAINER, unit=UNIT, conmon_pid_file=Path("/run/userdata/conmon.pid"))
HOLD = "/var/lib/podman-checkpoint/state/units/db.service"
OPTIONS = RestoreOptions(keep=True, tcp_established=True, file_locks=True)

REST = "start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"


def command(line: str, *, ignored: str = "no") -> str:
    """Return a command in the words of ``systemctl show``."""
    return f"{{ path={line.split(maxsplit=1)[0]} ; argv[]={line} ; ignore_errors={ignored} ; {REST}"


GUARD = command(f"/usr/bin/test ! -e {HOLD}")
REMOVE = "/usr/bin/podman rm -v -f -i --cidfile=/run/db.cid"
SHOWN = f"""\
ExecCondition={GUARD}
ExecStart={command("/opt/bin/podman run --name db --replace --rm -d busybox sh -c a ; b=c")}
ExecStop={GUARD}
ExecStop={command(REMOVE)}
ExecStopPost={GUARD}
ExecStopPost={command(REMOVE, ignored="yes")}
LoadState=loaded
ActiveState=inactive
Result=success
SuccessExitStatus=
"""
"""As systemd 257 has a Quadlet of Podman 5.4 with the project's drop-in."""


class Systemd:
    """Answers systemctl as far as it is asked here."""

    def __init__(self, shown: str = SHOWN) -> None:
        self.shown = shown
        self.asked: list[str] = []
        self.on_start: Callable[[], bool] = lambda: True

    def run(self, _: Path, *argv: str, seconds: float = 0) -> str | None:
        assert argv[:3] == ("env", "SYSTEMD_IGNORE_CHROOT=1", "systemctl")
        self.asked.append(argv[3])
        if argv[3] == "show":
            return self.shown
        if argv[3] == "start" and not self.on_start():
            return None
        return ""

    def becomes(self, before: str, after: str) -> None:
        assert before in self.shown
        self.shown = self.shown.replace(before, after)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    fake = Systemd()
    monkeypatch.setattr(systemd, "run_on_host", fake.run)
    return fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var/lib/podman-checkpoint/state/units"


@pytest.fixture
def made(tmp_path: Path, folder: Path, host: Systemd) -> HostUnits:
    return HostUnits(tmp_path, folder)


def drop_in(root: Path) -> Path:
    return root / "run/systemd/system/db.service.d/zz-podman-checkpoint.conf"


def looked(made: HostUnits) -> Starters:
    return made.look(UNIT, Starters())


def test_a_guarded_unit_that_does_not_run(made: HostUnits) -> None:
    assert looked(made) == Starters(unit_guarded=True, unit_idle=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"ExecCondition={GUARD}\n", ""),
        (f"ExecStop={GUARD}\n", ""),
        (f"ExecStopPost={GUARD}\n", ""),
        (f"ExecStopPost={GUARD}", f"ExecStopPost={GUARD.replace('errors=no', 'errors=yes')}"),
        (f"ExecStop={GUARD}", f"ExecStop={GUARD.replace('state/units', 'elsewhere')}"),
        ("LoadState=loaded", "LoadState=masked"),
        # The guard has then succeeded, and the next command removes the container.
        ("SuccessExitStatus=", "SuccessExitStatus=1 143 KILL"),
    ],
)
def test_units_without_all_of_the_guard(
    made: HostUnits, host: Systemd, before: str, after: str
) -> None:
    host.becomes(before, after)
    assert not looked(made).unit_guarded


def test_other_ends_that_are_a_success(made: HostUnits, host: Systemd) -> None:
    host.becomes("SuccessExitStatus=", "SuccessExitStatus=11 143 KILL")
    assert looked(made).unit_guarded


def test_a_unit_that_does_nothing_at_its_end_needs_no_guard_there(
    made: HostUnits, host: Systemd
) -> None:
    for line in SHOWN.splitlines():
        if line.startswith("ExecStop"):
            host.becomes(f"{line}\n", "")
    assert looked(made).unit_guarded


@pytest.mark.parametrize(
    ("state", "idle"), [("active", False), ("failed", True), ("activating", True)]
)
def test_idle(made: HostUnits, host: Systemd, state: str, idle: bool) -> None:
    """A unit that waits for its next restart is started at once when asked to."""
    host.becomes("ActiveState=inactive", f"ActiveState={state}")
    assert looked(made).unit_idle is idle


@pytest.mark.parametrize("name", ["../db.service", "db.scope", "--now.service/x", ""])
def test_names_that_no_service_has(made: HostUnits, host: Systemd, name: str) -> None:
    assert made.look(name, Starters()) == Starters()
    assert not host.asked


def test_without_systemd(made: HostUnits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "run_on_host", lambda *_, **__: None)
    assert looked(made) == Starters()


def test_the_shipped_drop_in_looks_at_the_file_of_a_hold() -> None:
    text = (CHECKOUT / "manifests/quadlet/container.d/50-podman-checkpoint.conf").read_text()
    guard = f"/usr/bin/test ! -e {HOLD.replace(UNIT, '%n')}"
    lines = text.splitlines()
    assert {f"{key}={guard}" for key in ("ExecCondition", "ExecStop", "ExecStopPost")} <= {*lines}
    assert "PodmanArgs=--rm=false" in lines


def test_holds_outlive_the_agent(made: HostUnits, tmp_path: Path, folder: Path) -> None:
    made.hold(UNIT, "42")
    assert (tmp_path / HOLD[1:]).exists()
    for number, text in enumerate(("{", "[]", '{"other": 1}')):
        (folder / f"damaged-{number}.service").write_text(text)
    assert HostUnits(tmp_path, folder).held() == {UNIT: "42"}
    made.release(UNIT)
    assert not (tmp_path / HOLD[1:]).exists()
    made.release(UNIT)


def test_a_unit_is_started_only_if_its_start_was_skipped(made: HostUnits, host: Systemd) -> None:
    assert not made.start_if_skipped(UNIT)
    assert host.asked == ["show"]
    host.becomes("Result=success", "Result=exec-condition")
    assert made.start_if_skipped(UNIT)
    assert host.asked[-1] == "start"


def test_a_start_restores(made: HostUnits, host: Systemd, tmp_path: Path) -> None:
    seen = []
    output = drop_in(tmp_path).with_suffix(".out")
    output.parent.mkdir(parents=True)
    output.write_text("of an agent that was killed")

    def start() -> bool:
        assert not output.exists()
        seen.append(drop_in(tmp_path).read_text())
        output.write_text('{"container_statistics": [{"criu_statistics": {"restore_time": 7}}]}')
        return True

    host.on_start = start

    assert made.restore(DB, OPTIONS, timeout=60) == {"restore_time": 7}

    assert host.asked.index("daemon-reload") < host.asked.index("start")
    assert host.asked[-1] == "daemon-reload"
    assert not drop_in(tmp_path).parent.exists()
    (text,) = seen
    restore = "/opt/bin/podman container restore --print-stats --keep --tcp-established"
    assert "ExecStart=\nExecStartPost=\n" in text
    assert f"ExecStart={restore} --file-locks {DB.id}\n" in text
    assert f"ExecStartPost=/bin/sh -c \"echo {DB.id} >'/run/db.cid'\"\n" in text
    assert "PIDFile=/run/userdata/conmon.pid\n" in text
    assert f"StandardOutput=append:/{output.relative_to(tmp_path)}\n" in text


def test_what_podman_says_of_a_failure(made: HostUnits, host: Systemd, tmp_path: Path) -> None:
    def start() -> bool:
        drop_in(tmp_path).with_suffix(".err").write_text("Error: OCI runtime error: crun: no\n")
        return False

    host.on_start = start
    with pytest.raises(PodmanError, match=r"^OCI runtime error: crun: no$"):
        made.restore(DB, OPTIONS, timeout=60)
    assert not drop_in(tmp_path).parent.exists()


def test_a_restore_that_systemd_has_ended(made: HostUnits, host: Systemd) -> None:
    host.on_start = lambda: False
    host.becomes("Result=success", "Result=timeout")
    with pytest.raises(PodmanTimedOut, match="did not come up in time"):
        made.restore(DB, OPTIONS, timeout=60)


def test_a_start_that_was_skipped_is_asked_for_again(
    made: HostUnits, host: Systemd, tmp_path: Path
) -> None:
    """It had begun before the unit was told to restore."""
    host.becomes("Result=success", "Result=exec-condition")
    starts = []

    def start() -> bool:
        starts.append(True)
        if len(starts) == 2:
            host.becomes("Result=exec-condition", "Result=success")
            drop_in(tmp_path).with_suffix(".out").write_text("no statistics")
        return True

    host.on_start = start
    assert made.restore(DB, OPTIONS, timeout=60) == {}
    assert len(starts) == 2


def test_what_a_killed_agent_left_is_put_back(
    made: HostUnits, host: Systemd, tmp_path: Path
) -> None:
    made.hold(UNIT, DB.id)
    drop_in(tmp_path).parent.mkdir(parents=True)
    drop_in(tmp_path).touch()
    made.release(UNIT)
    assert host.asked == ["daemon-reload"]
    assert not drop_in(tmp_path).parent.exists()
    assert not made.held()
