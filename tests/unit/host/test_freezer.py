"""The freeze window on real control groups: who is frozen, who thaws when the agent cannot.

The groups are the tests' own, on the machine's version 2 hierarchy, and removed after each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.decisions.failures import OperationFailed
from podman_checkpoint_operator.host import thaw_guard
from podman_checkpoint_operator.host.freezer import Freezer, container_cgroup, thaw
from tests.lab.cgroups import Cgroup, CgroupError, hierarchy
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ID = "57a6afbab0b537047ec0e3fd424bd9495e69e31cfb3d884a82b63b7a6e479a5c"
SCOPE = f"libpod-{ID}.scope"

COUNT = """
import sys, time
with open(sys.argv[1], "a", buffering=1) as file:
    while True:
        file.write(".")
        file.flush()
        time.sleep(0.005)
"""

AGENT = """
import sys, time
from pathlib import Path
from podman_checkpoint_operator.host.freezer import Freezer
freezer = Freezer(proc=Path("/proc"), cgroup_root=Path(sys.argv[1]))
with freezer.frozen(Path(sys.argv[2]), seconds=float(sys.argv[3])):
    print("frozen", flush=True)
    time.sleep(600)
"""


class Victim:
    """A process that counts, in a control group as Podman makes it."""

    def __init__(self, root: Path, counter: Path) -> None:
        self.root = root
        self.cgroup = root / f"libpod-{ID}"
        self.cgroup.mkdir()
        self.counter = counter
        counter.touch()
        self.process = subprocess.Popen([sys.executable, "-c", COUNT, str(counter)])
        (self.cgroup / "cgroup.procs").write_text(str(self.process.pid))
        wait_until(lambda: self.count() > 2, "the counter to begin")

    def count(self) -> int:
        return self.counter.stat().st_size

    def require_running(self) -> None:
        since = self.count()
        wait_until(lambda: self.count() > since + 2, "the counter to go on")

    def is_frozen(self) -> bool:
        return "frozen 1" in (self.cgroup / "cgroup.events").read_text()

    def freezer(self) -> Freezer:
        return Freezer(proc=Path("/proc"), cgroup_root=self.root)

    def guards(self) -> list[Path]:
        return list(self.root.glob(f"{thaw_guard.PREFIX}*"))


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    try:
        root = hierarchy() / f"pct-{os.getpid()}"
        root.mkdir()
    except (CgroupError, OSError) as error:
        pytest.skip(f"no control groups of one's own here: {error}")
    victim = Victim(root, tmp_path / "counter")
    yield victim
    thaw(victim.cgroup)
    victim.process.kill()
    victim.process.wait()
    Cgroup(root).remove()


@pytest.fixture
def quick_guard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A guard that does not stay for ten seconds after the last thaw."""
    source = Path(thaw_guard.__file__).read_text()
    quick = tmp_path / "thaw_guard.py"
    quick.write_text(source.replace("QUIET_SECONDS = 10.0", "QUIET_SECONDS = 0.5"))
    assert "QUIET_SECONDS = 0.5" in quick.read_text()
    monkeypatch.setattr(thaw_guard, "__file__", str(quick))


def start_agent(victim: Victim, seconds: float) -> subprocess.Popen[str]:
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, str(victim.root), str(victim.cgroup), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    assert agent.stdout is not None
    assert agent.stdout.readline() == "frozen\n"
    agent.stdout.close()
    return agent


class TestFrozen:
    def test_holds_the_processes_still_for_the_block(self, victim: Victim) -> None:
        with victim.freezer().frozen(victim.cgroup, seconds=60) as pause:
            assert victim.is_frozen()
            still = victim.count()
            time.sleep(0.05)
            assert victim.count() == still
        victim.require_running()
        assert pause.seconds >= 0.05

    def test_leaves_no_guard_behind(self, victim: Victim) -> None:
        with victim.freezer().frozen(victim.cgroup, seconds=60):
            (guard,) = victim.guards()
            assert (guard / "cgroup.procs").read_text()
        assert not victim.guards()

    def test_thaws_after_an_error(self, victim: Victim, quick_guard: None) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            victim.freezer().frozen(victim.cgroup, seconds=60),
        ):
            raise ZeroDivisionError
        victim.require_running()
        wait_until(lambda: not victim.guards(), "the guard to end")

    def test_thaws_again_what_is_frozen_after_an_error(self, victim: Victim) -> None:
        """CRIU, when the agent has given its dump up, ends by freezing the cgroup again."""
        with (
            pytest.raises(ZeroDivisionError),
            victim.freezer().frozen(victim.cgroup, seconds=60),
        ):
            raise ZeroDivisionError
        (victim.cgroup / "cgroup.freeze").write_text("1")
        victim.require_running()

    def test_ends_what_an_earlier_window_has_left(self, victim: Victim) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            victim.freezer().frozen(victim.cgroup, seconds=60),
        ):
            raise ZeroDivisionError
        (old,) = victim.guards()
        with victim.freezer().frozen(victim.cgroup, seconds=60):
            (new,) = victim.guards()
            assert new != old
            time.sleep(4 * thaw_guard.POLL_SECONDS)
            assert victim.is_frozen()

    def test_fails_when_the_guard_thawed_within(self, victim: Victim, quick_guard: None) -> None:
        with (
            pytest.raises(OperationFailed) as caught,
            victim.freezer().frozen(victim.cgroup, seconds=0.2),
        ):
            wait_until(lambda: not victim.is_frozen(), "the guard to thaw")
        assert caught.value.cause is Cause.TIMED_OUT
        wait_until(lambda: not victim.guards(), "the guard to end")

    def test_fails_when_the_container_ended_within(self, victim: Victim, quick_guard: None) -> None:
        with (
            pytest.raises(OperationFailed) as caught,
            victim.freezer().frozen(victim.cgroup, seconds=60),
        ):
            Cgroup(victim.cgroup).remove()
        assert caught.value.cause is Cause.CONTAINER_CHANGED
        wait_until(lambda: not victim.guards(), "the guard to end")

    def test_explains_a_cgroup_that_is_gone(self, victim: Victim, quick_guard: None) -> None:
        with (
            pytest.raises(OperationFailed) as caught,
            victim.freezer().frozen(victim.root / "nothing", seconds=60),
        ):
            pytest.fail("there is nothing to freeze")
        assert caught.value.cause is Cause.CANNOT_FREEZE
        wait_until(lambda: not victim.guards(), "the guard to end")


class TestWithoutTheAgent:
    def test_is_thawed_when_the_agent_is_killed(self, victim: Victim) -> None:
        agent = start_agent(victim, 600)
        assert victim.is_frozen()
        agent.kill()
        agent.wait()
        victim.require_running()
        assert not victim.is_frozen()

    def test_stays_thawed_when_criu_ends_after_the_agent(self, victim: Victim) -> None:
        agent = start_agent(victim, 600)
        agent.kill()
        agent.wait()
        victim.require_running()
        (victim.cgroup / "cgroup.freeze").write_text("1")
        victim.require_running()

    def test_is_thawed_at_the_time_limit_while_the_agent_hangs(self, victim: Victim) -> None:
        agent = start_agent(victim, 1)
        agent.send_signal(signal.SIGSTOP)
        victim.require_running()
        agent.kill()
        agent.wait()


class TestSweep:
    def test_removes_the_empty_group_of_a_guard_that_was_killed(self, victim: Victim) -> None:
        (victim.root / f"{thaw_guard.PREFIX}1").mkdir()
        victim.freezer().sweep()
        assert not victim.guards()

    def test_leaves_a_guard_at_work(self, victim: Victim) -> None:
        with victim.freezer().frozen(victim.cgroup, seconds=60):
            victim.freezer().sweep()
            assert victim.guards()


def test_thaw_takes_no_offence_at_a_cgroup_that_is_gone(tmp_path: Path) -> None:
    thaw(tmp_path / "gone")


class TestContainerCgroup:
    @pytest.mark.parametrize(
        ("of_process", "expected"),
        [
            # runc under cgroupfs
            (f"/libpod_parent/libpod-{ID}", f"/libpod_parent/libpod-{ID}"),
            # crun under systemd
            (f"/machine.slice/{SCOPE}/container", f"/machine.slice/{SCOPE}/container"),
            # runc under systemd
            (f"/machine.slice/{SCOPE}", f"/machine.slice/{SCOPE}"),
            # a Quadlet: --cgroups=split
            (f"/system.slice/db.service/libpod-payload-{ID}",) * 2,
            # systemd in the container makes groups of its own
            (f"/machine.slice/{SCOPE}/container/init.scope", f"/machine.slice/{SCOPE}/container"),
            (f"/libpod_parent/libpod-{ID}/init.scope", f"/libpod_parent/libpod-{ID}"),
        ],
    )
    def test_is_the_one_that_criu_is_given(self, of_process: str, expected: str) -> None:
        assert str(container_cgroup(f"0::{of_process}\n", ID)) == expected

    @pytest.mark.parametrize(
        ("content", "evidence"),
        [
            ("12:freezer:/libpod\n1:name=systemd:/\n", "does not use cgroup v2"),
            ("0::/user.slice/session-1.scope\n", "no cgroup of its own"),
        ],
    )
    def test_explains_what_cannot_be_frozen(self, content: str, evidence: str) -> None:
        with pytest.raises(OperationFailed, match=evidence) as caught:
            container_cgroup(content, ID)
        assert caught.value.cause is Cause.CANNOT_FREEZE
        assert "spec.leaveRunning: false" in caught.value.remedy
