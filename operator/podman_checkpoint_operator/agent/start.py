"""The start of an agent: what it may do, whether it is on the right host, and alone there."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..decisions.capabilities import Work, lacking_of
from ..decisions.host_files import PLACES, Place, Sight, Trouble, state, storage
from ..decisions.rights import MOUNTS, Rights, capability_check, rights_checks
from ..host.file_lock import AGENT_LOCK, acquire
from ..host.namespaces import enter_cgroup_namespace
from ..host.own_capabilities import held
from ..host.own_view import sight

logger = logging.getLogger(__name__)

_INIT: Final = Path("/proc/1")
_LOCK_SECONDS: Final = 5.0


class AlreadyRunning(RuntimeError):
    """Another agent of this host is running."""


class NotOfTheHost(RuntimeError):
    """The agent does not see the processes or the files of the host that it is to work on."""


def own_rights(root: Path, state_dir: Path) -> Rights:
    """Return what this agent may do on its host, and see; what is missing is logged, too.

    Args:
        root: where the host's file system is.
        state_dir: where the agent keeps its state.

    Raises:
        NotOfTheHost: processes or files are not the host's.
    """
    contained = root != Path("/")
    found = Rights(lacking_of(held(), contained=contained), contained)
    if _may_look(found):
        found = replace(found, troubles=_troubles(root, state_dir))
    for check in rights_checks(found, Work):
        if check.result == "Fail":
            logger.error("rights missing", extra={"found": check.message, "remedy": check.remedy})
    return found


def enter_host(rights: Rights) -> None:
    """See control groups as the host does, if that may be.

    An agent that may not look at processes does nothing on the host but for telling why.

    Raises:
        OSError: the kernel refuses it.
    """
    if _may_look(rights):
        enter_cgroup_namespace(_INIT / "ns/cgroup")


def _may_look(rights: Rights) -> bool:
    return capability_check(rights, [Work.EVERYTHING]).result != "Fail"


def _troubles(root: Path, state_dir: Path) -> tuple[Trouble, ...]:
    if not root.exists() or not root.samefile(_INIT / "root"):
        raise NotOfTheHost(
            f"{root} is not the root directory of process 1\nMount the host's / at --host-root, and"
            " share the host's PID namespace: hostPID in a Pod, --pid=host with podman run"
        )
    places = [*PLACES]
    if state_dir.is_relative_to(root):
        places.append(state(Path("/", state_dir.parent.relative_to(root))))
    troubles = tuple(each for place in places for each in _look(root, place))
    for trouble in troubles:
        if trouble.sight is Sight.HIDDEN:
            raise NotOfTheHost(
                f"the agent {trouble}\nMount it at the same path below --host-root, {root}, with"
                f" what is mounted below it (rbind). {MOUNTS}"
            )
    return troubles


def with_storage(rights: Rights, root: Path, graph_root: Path) -> Rights:
    """Return what an agent may do, with what is wrong with its view of Podman's storage."""
    if not _may_look(rights):
        return rights
    return replace(rights, troubles=(*rights.troubles, *_look(root, storage(graph_root))))


def _look(root: Path, place: Place) -> tuple[Trouble, ...]:
    found = sight(root, place)
    return () if found is Sight.CLEAR else (Trouble(place, found),)


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
