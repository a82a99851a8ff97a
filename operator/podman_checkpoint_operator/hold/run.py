"""The hold itself: asks the agent when a shutdown begins, and lets that go on when it is answered.

A shutdown is never held for nothing: not without containers to save, not for those that cannot be
saved, and not for an agent that does not come back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

from ..decisions.shutdown import Answer

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 120.0
"""How long it is waited for an agent that is not there, or cannot look at the containers.

It takes an agent up to a minute to find out that an API server is away that drops what it is sent.
"""
ENOUGH_SECONDS: Final = 600.0
"""How long one checkpoint may take, unless the PodmanHost says something else."""
_SHARE: Final = 0.98
"""Of the time that logind gives: what is then to be said must be said before it is over."""

TOO_SHORT: Final = (
    "logind lets a shutdown wait for {:.0f} s only: what is not saved by then is lost. Put"
    " InhibitDelayMaxSec=15min below [Login] into"
    " /etc/systemd/logind.conf.d/podman-checkpoint.conf, and run:"
    " systemctl kill --signal=HUP systemd-logind"
)


class LoginManager(Protocol):
    """What delays shutdowns: see :class:`.logind.Logind`."""

    def is_shutting_down(self) -> bool:
        """Whether a shutdown has begun."""

    def longest_delay(self) -> float:
        """Return how long a shutdown waits at most, in seconds."""

    def holds(self) -> bool:
        """Whether a shutdown would wait for us."""

    def hold(self, who: str, why: str) -> None:
        """Have shutdowns wait for us, unless one has begun."""

    def release(self) -> None:
        """Let the shutdown go on."""


class Requests(Protocol):
    """Where the agent is asked: see :class:`..host.shutdown_files.ShutdownFiles`."""

    def ask(self) -> str:
        """Ask for the containers to be saved; return what the answer will go by."""

    def withdraw(self) -> bool:
        """Ask for nothing any more; return whether something was asked for in this boot."""

    def answered(self, request: str) -> Answer | None:
        """Return what was last told about a request."""


class Hold:
    """Delays the shutdowns of one host.

    Args:
        logind: delays them.
        requests: where the agent is asked.
        agent_runs: whether there is an agent at all.
        alarm: tells the people at the host what is lost.
        clock: in seconds.
    """

    def __init__(
        self,
        logind: LoginManager,
        requests: Requests,
        *,
        agent_runs: Callable[[], bool],
        alarm: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logind = logind
        self._requests = requests
        self._agent_runs = agent_runs
        self._alarm = alarm
        self._clock = clock
        self._request: str | None = None
        self._began_at = self._heard_at = 0.0
        self._told: Answer | None = None

    def turn(self) -> float | None:
        """Do what is to be done now; return when to look again, None for not by itself."""
        if not self._logind.is_shutting_down():
            self._ready()
            return None
        if not self._logind.holds():
            return None
        if self._request is None:
            logger.info("A shutdown waits until the containers are checkpointed")
            self._request, self._told = self._requests.ask(), None
            self._began_at = self._heard_at = self._clock()
        if not self._is_over(self._requests.answered(self._request)):
            return POLL_SECONDS
        self._logind.release()
        return None

    def _ready(self) -> None:
        """Be ready for the next shutdown."""
        if self._requests.withdraw():
            logger.info("The shutdown was cancelled: what was checkpointed for it is restored")
        self._request = None
        if self._logind.holds():
            return
        if (longest := self._logind.longest_delay()) < ENOUGH_SECONDS:
            logger.error(TOO_SHORT.format(longest))
        self._logind.hold("Podman Checkpoint", "Containers are checkpointed before the shutdown")
        if self._logind.holds():
            logger.info("Shutdowns wait for checkpoints, for %.0f s at most", longest)

    def _is_over(self, answer: Answer | None) -> bool:
        now = self._clock()
        if answer and answer.over:
            self._end(answer, "")
            return True
        runs = self._agent_runs()
        if runs and answer and not answer.trouble:
            self._heard_at = now
            self._progress(answer)
        if now - self._began_at >= self._logind.longest_delay() * _SHARE:
            self._end(answer, "The time that logind gives is over (InhibitDelayMaxSec).")
            return True
        if now - self._heard_at >= PATIENCE_SECONDS:
            self._end(answer, _missing(answer) if runs else "No agent runs on this host.")
            return True
        return False

    def _progress(self, answer: Answer) -> None:
        if answer != self._told:
            self._told = answer
            logger.info("Safe: %d; waiting for %s", len(answer.safe), ", ".join(answer.waiting))

    def _end(self, answer: Answer | None, why: str) -> None:
        answer = answer or Answer()
        if answer.safe:
            logger.info("Safe, and restored after the boot: %s", ", ".join(answer.safe))
        lost = [f"Container {name} is lost: {reason}" for name, reason in answer.lost.items()]
        if why:
            names = ", ".join(answer.waiting) or "what runs"
            lost.append(f"Not saved in time, and lost: {names}. {why}")
        for each in lost:
            logger.error(each)
        if lost:
            self._alarm("\n".join(lost))
        logger.info("The shutdown goes on")


def _missing(answer: Answer | None) -> str:
    if answer and answer.trouble:
        return f"The agent cannot look at the containers: {answer.trouble}"
    return "The agent does not answer."
