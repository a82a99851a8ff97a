"""The process that thaws a container when the agent cannot.

Run by :mod:`.freezer` before each freeze, as a program of its own:

    python3 -I -S thaw_guard.py CGROUP SECONDS ROOT

ROOT is where cgroup v2 is mounted. It prints one line when it is ready. It thaws the cgroup and
ends at the end of its standard input, which is when the agent closes the pipe or dies in any way,
and at the time limit.

It imports nothing of this package and next to nothing of Python, to start quickly and stay small.
It leaves the agent's cgroup for one of its own: a service manager that kills the agent kills
everything in the agent's cgroup with it.
"""

import contextlib
import os
import select
import signal
import sys
import time

PREFIX = "podman-checkpoint-guard-"


def main(cgroup: str, seconds: float, root: str) -> None:
    """Wait for the end of standard input or of the time, then thaw."""
    deadline = time.monotonic() + seconds
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    home = os.path.join(root, _own_cgroup())
    refuge = os.path.join(os.path.dirname(_outermost(cgroup)), f"{PREFIX}{os.getpid()}")
    with contextlib.suppress(OSError):
        os.mkdir(refuge)
    _move(refuge)
    print("ready", flush=True)  # noqa: T201 - this line is the protocol
    _wait(deadline)
    _write(os.path.join(cgroup, "cgroup.freeze"), "0")
    # A cgroup can be removed only when it is empty, and a process can only leave it for another.
    # The one it came from may be gone with the agent; the real root takes everybody.
    _move(home) or _move(root)
    with contextlib.suppress(OSError):
        os.rmdir(refuge)


def _wait(deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([0], [], [], left)
        if readable and not os.read(0, 1):
            return


def _own_cgroup() -> str:
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        unified = [line[3:].strip() for line in file if line.startswith("0::")]
    return unified[0].lstrip("/") if unified else ""


def _outermost(cgroup: str) -> str:
    """The container's outermost cgroup: systemd's scope, where there is one."""
    parent = os.path.dirname(cgroup)
    return parent if os.path.basename(parent).startswith("libpod-") else cgroup


def _move(cgroup: str) -> bool:
    return _write(os.path.join(cgroup, "cgroup.procs"), str(os.getpid()))


def _write(path: str, text: str) -> bool:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
