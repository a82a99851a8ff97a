"""The start of an agent: what it may do, whether it is on the right host, and alone there."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..decisions.capabilities import Rights, Work, capability_check, rights
from ..host.file_lock import AGENT_LOCK, acquire
from ..host.namespaces import enter_cgroup_namespace
from ..host.own_capabilities import held

logger = logging.getLogger(__name__)

_LOCK_SECONDS: Final = 5.0


class AlreadyRunning(RuntimeError):
    """Another agent of this host is running."""


class NotOfTheHost(RuntimeError):
    """The agent does not see the processes of the host whose files it was given."""


def own_rights(root: Path) -> Rights:
    """Return what this agent may do; what it lacks is logged, too.

    Args:
        root: where the host's file system is.
    """
    found = rights(held(), contained=root != Path("/"))
    check = capability_check(found, Work)
    if check.result == "Fail":
        logger.error("capability missing", extra={"lacking": check.message, "remedy": check.remedy})
    return found


def enter_host(root: Path, allowed: Rights) -> None:
    """See the host's processes and control groups as the host does.

    An agent that may not look at them does nothing on the host, but for telling why.

    Raises:
        NotOfTheHost: the PID namespace is not the host's.
        OSError: the kernel refuses it.
    """
    if capability_check(allowed, [Work.EVERYTHING]).result == "Fail":
        return
    init = Path("/proc/1")
    if not root.samefile(init / "root"):
        raise NotOfTheHost(
            f"{root} is not the root directory of process 1\nMount the host's / at --host-root, and"
            " share the host's PID namespace: hostPID in a Pod, --pid=host with podman run"
        )
    enter_cgroup_namespace(init / "ns/cgroup")


@contextmanager
def alone(state_dir: Path) -> Iterator[None]:
    """Hold the lock of the state directory: two agents would do everything twice.

    A predecessor that is just ending is waited for. The kernel drops the lock with its holder.

    Raises:
        AlreadyRunning: another agent works with the same state.
        OSError: the directory cannot be used.
    """
    state_dir.mkdir(0o700, parents=True, exist_ok=True)
    path = state_dir / AGENT_LOCK
    try:
        lock = acquire(
            path, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX, time.monotonic() + _LOCK_SECONDS
        )
    except TimeoutError:
        raise AlreadyRunning(
            f"another agent of this host is running: it holds {path}\nEnd it first, or give each"
            " its own --state-dir"
        ) from None
    try:
        yield
    finally:
        os.close(lock)
