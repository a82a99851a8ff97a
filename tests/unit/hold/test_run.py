"""When a shutdown is held, for how long, and what is said of it.

Not here: systemd-logind itself, with which tests/e2e/test_real_machine.py shuts a machine down.
"""

from __future__ import annotations

import logging

import pytest

from podman_checkpoint_operator.decisions.shutdown import Answer
from podman_checkpoint_operator.hold.run import PATIENCE_SECONDS, Hold

DONE = Answer(safe=("a", "b"))
BUSY = Answer(safe=("a",), waiting=("b",))


class Host:
    """A login manager and an agent."""

    def __init__(self) -> None:
        self.shutting_down = False
        self.delay = 900.0
        self.locked = False
        self.request: str | None = None
        self.requests = 0
        self.reply: Answer | None = None
        self.agent = True
        self.now = 1000.0
        self.alarms: list[str] = []
        self.start_hold()

    def start_hold(self) -> None:
        """Start one, in the place of one that was killed; the kernel has dropped its lock."""
        self.locked = False
        self.hold_ = Hold(
            self,
            self,
            agent_runs=lambda: self.agent,
            alarm=self.alarms.append,
            clock=lambda: self.now,
        )

    def turn(self) -> float | None:
        return self.hold_.turn()

    def begin(self) -> None:
        """Be ready, and then asked to shut down."""
        self.turn()
        self.shutting_down = True

    def held_for(self, seconds: float) -> bool:
        """Whether it is still held after some time in which nothing changes."""
        end = self.now + seconds
        while self.now < end:
            if not self.turn():
                return False
            self.now += 1
        return self.locked

    def is_shutting_down(self) -> bool:
        return self.shutting_down

    def longest_delay(self) -> float:
        return self.delay

    def holds(self) -> bool:
        return self.locked

    def hold(self, who: str, why: str) -> None:
        assert who
        assert why
        self.locked = not self.shutting_down

    def release(self) -> None:
        self.locked = False

    def ask(self) -> str:
        self.requests += 1
        self.request, self.reply = f"request {self.requests}", None
        return self.request

    def withdraw(self) -> bool:
        asked, self.request = self.request is not None, None
        return asked

    def answered(self, request: str) -> Answer | None:
        return self.reply if request == self.request else None


@pytest.fixture
def host(caplog: pytest.LogCaptureFixture) -> Host:
    caplog.set_level(logging.INFO)
    return Host()


def test_it_waits_for_shutdowns_without_looking(host: Host) -> None:
    assert host.turn() is None
    assert host.locked
    assert host.request is None


def test_it_holds_a_shutdown_until_all_is_safe(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.begin()
    assert host.held_for(30)
    host.reply = BUSY
    assert host.held_for(500)
    host.reply = DONE
    assert host.turn() is None
    assert not host.locked
    assert host.requests == 1
    assert "waiting for b" in caplog.text
    assert "Safe, and restored after the boot: a, b" in caplog.text
    assert not host.alarms
    assert host.turn() is None


def test_nothing_to_save_holds_nothing(host: Host) -> None:
    host.begin()
    host.turn()
    host.reply = Answer()
    assert host.turn() is None
    assert not host.locked
    assert not host.alarms


def test_who_cannot_be_saved_is_named_and_not_waited_for(host: Host) -> None:
    host.begin()
    host.turn()
    host.reply = Answer(safe=("a",), waiting=("b",), lost={"c": "it was started with --rm"})
    assert host.held_for(300)
    host.reply = Answer(safe=("a", "b"), lost={"c": "it was started with --rm"})
    assert host.turn() is None
    assert host.alarms == ["Container c is lost: it was started with --rm"]


def test_a_cancelled_shutdown_is_taken_back_and_the_next_one_held(host: Host) -> None:
    host.begin()
    host.turn()
    host.shutting_down = False
    assert host.turn() is None
    assert host.request is None
    assert host.locked

    host.shutting_down = True
    host.reply = DONE  # to the one before
    assert host.held_for(5)
    assert host.requests == 2


def test_a_shutdown_that_was_cancelled_after_all_is_taken_back(host: Host) -> None:
    host.begin()
    host.turn()
    host.reply = DONE
    host.turn()
    host.shutting_down = False
    host.turn()
    assert host.request is None
    assert host.locked


def test_one_that_starts_takes_back_what_its_predecessor_asked_for(host: Host) -> None:
    """A soft reboot leaves the boot as it is."""
    host.begin()
    host.turn()
    host.shutting_down = False
    host.start_hold()
    host.turn()
    assert host.request is None
    assert host.locked


def test_one_that_starts_in_a_shutdown_cannot_hold_it(host: Host) -> None:
    host.begin()
    host.turn()
    host.start_hold()
    assert host.turn() is None
    assert not host.locked
    assert host.request


def test_an_agent_that_restarts_is_waited_for(host: Host) -> None:
    host.begin()
    host.turn()
    host.reply = BUSY
    assert host.held_for(200)
    host.agent = False
    assert host.held_for(PATIENCE_SECONDS - 5)
    host.agent = True
    assert host.held_for(200)
    host.agent = False
    assert not host.held_for(PATIENCE_SECONDS + 5)
    (alarm,) = host.alarms
    assert "lost: b" in alarm
    assert "No agent runs" in alarm


@pytest.mark.parametrize(
    ("reply", "why"),
    [(None, "does not answer"), (Answer(trouble="API server: no route"), "API server: no route")],
)
def test_an_agent_that_cannot_look_is_not_waited_for_long(
    host: Host, reply: Answer | None, why: str
) -> None:
    host.begin()
    host.turn()
    host.reply = reply
    assert host.held_for(PATIENCE_SECONDS - 5)
    assert not host.held_for(10)
    assert why in host.alarms[0]


def test_what_is_not_safe_in_the_time_that_logind_gives_is_named(host: Host) -> None:
    host.begin()
    host.turn()
    host.reply = BUSY
    assert host.held_for(800)
    assert not host.held_for(90)
    assert "lost: b" in host.alarms[0]
    assert "InhibitDelayMaxSec" in host.alarms[0]


def test_too_little_time_is_told_of_before_it_matters(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.delay = 5
    host.turn()
    assert "for 5 s only" in caplog.text
    assert "/etc/systemd/logind.conf.d/podman-checkpoint.conf" in caplog.text
    assert host.locked
