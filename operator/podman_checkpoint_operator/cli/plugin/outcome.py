"""How a command ends: its exit statuses, and what it says when it cannot go on."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
ERROR: Final = 1
FAILED: Final = 2
TIMED_OUT: Final = 3
INTERRUPTED: Final = 130

EXIT_STATUS: Final = f"""\
Exit status:
  {DONE}    done
  {ERROR}    error: the command line, a file, or the API server's answer
  {FAILED}    the checkpoint, restore or drain failed; the archive is damaged;
       the failure is of an unknown cause
  {TIMED_OUT}    --timeout is over; what was asked for goes on
  {INTERRUPTED}  interrupted (Ctrl-C); what was asked for goes on"""


class Stop(Exception):
    """A command cannot go on; the message is what the user reads, without a traceback."""

    def __init__(self, message: str, status: int = ERROR) -> None:
        super().__init__(message)
        self.status = status


def error(message: str, status: int = ERROR) -> Stop:
    """Return a stop that reads as kubectl's own errors do."""
    return Stop(f"error: {message}", status)
