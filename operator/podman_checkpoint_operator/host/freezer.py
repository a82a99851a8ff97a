"""The freeze window: hold a container's processes still, and let them go whatever happens.

The archive of a running container is consistent only if nothing writes between the memory dump and
the capture of the files. So the agent freezes the container's cgroup around both.

*Which* cgroup matters. It must be exactly the one that the OCI runtime hands to CRIU. CRIU thaws
that one for moments, to run its parasite code; with an ancestor frozen it would wait for ever. crun
under systemd uses ``libpod-<ID>.scope/container``, runc ``libpod-<ID>``; of a Quadlet it is
``libpod-payload-<ID>`` in the group of the unit.

*Who thaws* must not depend on the agent. Before each freeze a guard process is started
(:mod:`.thaw_guard`) that outlives the agent and thaws as soon as the agent is gone, or at the time
limit. A window that it ended early is a failed one: the files were captured while they changed.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..decisions.failures import OperationFailed
from ..reconcilers.machine_port import Pause
from . import thaw_guard

FREEZE_SECONDS: Final = 30.0
"""A task in uninterruptible sleep (a hung NFS mount, say) keeps a cgroup from freezing."""

_POLL_SECONDS: Final = 0.0005
_GUARD_START_SECONDS: Final = 30.0
_GUARD_END_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


def container_cgroup(pid_cgroup: str, container_id: str) -> PurePosixPath:
    """Return the cgroup that the runtime hands to CRIU, from that of the container's first process.

    Args:
        pid_cgroup: content of ``/proc/<pid>/cgroup``.
        container_id: the full ID.

    Raises:
        OperationFailed: the host has no cgroup v2, or the container no cgroup of its own.
    """
    unified = [line[3:] for line in pid_cgroup.splitlines() if line.startswith("0::")]
    if not unified:
        raise _cannot_freeze(
            "the host does not use cgroup v2",
            "boot the host with cgroup v2 (systemd.unified_cgroup_hierarchy=1)",
        )
    path = PurePosixPath(unified[0])
    kinds = (f"{container_id}.scope", container_id, f"payload-{container_id}")
    names = [f"libpod-{kind}" for kind in kinds]
    for depth, part in enumerate(path.parts):
        if part not in names:
            continue
        inner = path.parts[depth + 1 : depth + 2]
        # Below "container" are cgroups that the container made for itself (systemd in it does).
        return PurePosixPath(*path.parts[: depth + 1], *(inner if inner == ("container",) else ()))
    raise _cannot_freeze(
        f"the container has no cgroup of its own; its processes are in {path}",
        "run the container without --cgroups=disabled",
    )


class Freezer:
    """Freezes and thaws cgroups of one host."""

    def __init__(self, *, proc: Path, cgroup_root: Path) -> None:
        self._proc = proc
        self._root = cgroup_root

    def cgroup_of(self, pid: int, container_id: str) -> Path:
        """Return the directory of a running container's cgroup."""
        try:
            content = (self._proc / str(pid) / "cgroup").read_text()
        except OSError as error:
            raise _cannot_freeze(
                f"process {pid} of the container is gone", "see why the container stopped"
            ) from error
        cgroup = self._root / container_cgroup(content, container_id).relative_to("/")
        if not (cgroup / "cgroup.freeze").exists():
            raise _cannot_freeze(
                f"{cgroup}/cgroup.freeze does not exist",
                "give the agent the host's cgroup v2 file system, writable",
            )
        return cgroup

    @contextmanager
    def frozen(self, cgroup: Path, *, seconds: float) -> Iterator[Pause]:
        """Freeze a cgroup for the time of a block, at most for so many seconds.

        The pause that is yielded has its length after the block.

        Raises:
            OperationFailed: it cannot be frozen, or was thawed before the block ended.
        """
        pause = Pause()
        with self._guarded(cgroup, seconds):
            began = time.monotonic()
            try:
                self._freeze(cgroup, min(FREEZE_SECONDS, seconds))
                yield pause
                _require_frozen(cgroup, seconds)
            finally:
                thaw(cgroup)
                pause.seconds = time.monotonic() - began

    def sweep(self) -> None:
        """Remove the empty cgroups of guards that were killed; those in use stay."""
        for left_over in self._root.rglob(f"{thaw_guard.PREFIX}*"):
            with suppress(OSError):
                left_over.rmdir()

    @contextmanager
    def _guarded(self, cgroup: Path, seconds: float) -> Iterator[None]:
        """Keep a guard running that thaws the cgroup when this process is gone, or in the end."""
        guard = _start_guard(cgroup, seconds, self._root)
        try:
            # From here on there is the new one; an old one would thaw in the middle of the window.
            self._dismiss_others(cgroup, guard.pid)
            yield
        except BaseException:
            # CRIU may be at work still, and freeze once more: the guard stays for that.
            _leave(guard)
            raise
        _dismiss(guard)

    def _dismiss_others(self, cgroup: Path, pid: int) -> None:
        """End the guards that earlier windows of this cgroup have left."""
        for refuge in self._root.rglob(f"{thaw_guard.PREFIX}*"):
            with suppress(OSError):
                for other in map(int, (refuge / "cgroup.procs").read_text().split()):
                    arguments = (self._proc / str(other) / "cmdline").read_bytes().split(b"\0")
                    if other != pid and os.fsencode(cgroup) in arguments:
                        _kill(other)
        self.sweep()

    def _freeze(self, cgroup: Path, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        try:
            (cgroup / "cgroup.freeze").write_text("1")
            while "frozen 1" not in (cgroup / "cgroup.events").read_text():
                if time.monotonic() > deadline:
                    raise _cannot_freeze(
                        f"the processes in {cgroup} did not stop within {seconds:.0f} s",
                        "look for processes in uninterruptible sleep (state D): a storage or"
                        " network file system that does not answer",
                    )
                time.sleep(_POLL_SECONDS)
        except OSError as error:
            raise _cannot_freeze(
                f"{cgroup}: {error.strerror}", "run the agent as root, with a writable cgroup v2"
            ) from error


def thaw(cgroup: Path) -> None:
    """Let the processes of a cgroup go on; it is no error when the cgroup is gone."""
    with suppress(FileNotFoundError, OSError):
        (cgroup / "cgroup.freeze").write_text("0")


def _start_guard(cgroup: Path, seconds: float, root: Path) -> subprocess.Popen[bytes]:
    """Start a guard, and return when it has said that it is there: never freeze without."""
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", thaw_guard.__file__, str(cgroup), str(seconds), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
        bufsize=0,
    )
    assert guard.stdout is not None
    ready, _, _ = select.select([guard.stdout], [], [], _GUARD_START_SECONDS)
    if not ready or not guard.stdout.readline():
        _leave(guard)
        raise _cannot_freeze(
            "the process that would thaw the container did not start",
            "look for a lack of memory or processes on the host",
        )
    return guard


def _dismiss(guard: subprocess.Popen[bytes]) -> None:
    """Tell a guard that there is nothing left to do, and see it end."""
    # It may have ended at its time limit.
    with suppress(BrokenPipeError):
        guard.communicate(b".")


def _kill(pid: int) -> None:
    """Kill a process, and wait until it has left its cgroup."""
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], _GUARD_END_SECONDS)
    finally:
        os.close(handle)


def _leave(guard: subprocess.Popen[bytes]) -> None:
    """Leave a guard to itself, as if this process had died."""
    for pipe in (guard.stdin, guard.stdout):
        if pipe is not None:
            pipe.close()
    # Somebody has to take its exit status.
    threading.Thread(target=guard.wait, name="guard", daemon=True).start()


def _require_frozen(cgroup: Path, seconds: float) -> None:
    try:
        frozen = (cgroup / "cgroup.freeze").read_text().strip() == "1"
    except OSError as error:
        raise OperationFailed(
            Cause.CONTAINER_CHANGED,
            f"the container ended while it was checkpointed: {cgroup} is gone",
            "See why it ended, start it, and create a new ContainerCheckpoint",
        ) from error
    if not frozen:
        raise OperationFailed(
            Cause.TIMED_OUT,
            f"the container was let go before its files were captured, at the latest after"
            f" {seconds:.0f} s",
            Setting("spec.timeoutSeconds higher; the time grows with memory and changed files"),
        )


def _cannot_freeze(evidence: str, remedy: str) -> OperationFailed:
    setting = Setting("spec.leaveRunning: false", rather=remedy)
    return OperationFailed(Cause.CANNOT_FREEZE, evidence, setting)
