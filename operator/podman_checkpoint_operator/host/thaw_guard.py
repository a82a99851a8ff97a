"""The process that thaws a container when the agent cannot.

Run by :mod:`.freezer` before each freeze, as a program of its own:

    python3 -I -S thaw_guard.py CGROUP SECONDS ROOT

ROOT is where cgroup v2 is mounted. It prints one line when it is ready. A byte on its standard
input tells it that the agent itself has thawed the cgroup, and it ends. When the input ends without
one, since the agent died in any way or gave a dump up, and at the time limit, it thaws the cgroup.

It then stays for a while: CRIU, which may still be at work, brings the cgroup at its end back to
how it found it, that is, frozen.

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

QUIET_SECONDS = 10.0
"""How long nobody must have dumped or frozen the cgroup before it counts as left alone. A request
that the agent sent with its last breath has reached CRIU by then."""

POLL_SECONDS = 0.05


def main(cgroup: str, seconds: float, root: str) -> None:
    """Wait for a word, the end of standard input or of the time, then thaw."""
    deadline = time.monotonic() + seconds
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    home = os.path.join(root, _own_cgroup())
    refuge = os.path.join(os.path.dirname(_outermost(cgroup)), f"{PREFIX}{os.getpid()}")
    with contextlib.suppress(OSError):
        os.mkdir(refuge)
    _move(refuge)
    print("ready", flush=True)  # noqa: T201 - this line is the protocol
    if not _dismissed(deadline):
        _keep_thawed(cgroup)
    # A cgroup can be removed only when it is empty, and a process can only leave it for another.
    # The one it came from may be gone with the agent; the real root takes everybody.
    _move(home) or _move(root)
    with contextlib.suppress(OSError):
        os.rmdir(refuge)


def _dismissed(deadline: float) -> bool:
    """Wait; return whether the agent said that there is nothing left to do."""
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([0], [], [], left)
        if readable:
            return bool(os.read(0, 1))
    return False


def _keep_thawed(cgroup: str) -> None:
    """Thaw the cgroup, again and again, until it has been left alone for a while."""
    quiet_since = time.monotonic()
    while os.path.exists(cgroup) and time.monotonic() - quiet_since < QUIET_SECONDS:
        if _is_frozen(cgroup):
            _write(os.path.join(cgroup, "cgroup.freeze"), "0")
            quiet_since = time.monotonic()
        elif _is_traced(cgroup):
            quiet_since = time.monotonic()
        time.sleep(POLL_SECONDS)


def _is_frozen(cgroup: str) -> bool:
    return _read(os.path.join(cgroup, "cgroup.freeze")).strip() == "1"


def _is_traced(cgroup: str) -> bool:
    """Whether CRIU holds the cgroup's processes. It traces all of them, so one tells."""
    pids = _read(os.path.join(cgroup, "cgroup.procs")).split()
    status = _read(f"/proc/{pids[0]}/status") if pids else ""
    return "TracerPid:\t" in status and "TracerPid:\t0\n" not in status


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


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> bool:
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
