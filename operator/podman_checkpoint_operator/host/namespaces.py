"""Namespaces of the host, for an agent that has others: one in a container.

It shares the host's PID namespace only, so that it sees the host's processes. What the kernel tells
of control groups depends on the reader's namespace, and what a port is depends on the network.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWCGROUP: Final = 0x02000000
_CLONE_NEWNET: Final = 0x40000000


def enter_cgroup_namespace(namespace: Path) -> None:
    """See control groups as another process does; for this thread and those that it starts.

    Raises:
        OSError: the kernel refuses it.
    """
    _enter(namespace, _CLONE_NEWCGROUP)


def socket_in(namespace: Path, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Return a socket of another network namespace.

    It stays there: a socket belongs to the namespace that its thread was in when it was made.

    Raises:
        OSError: the namespace is gone, or the kernel refuses it.
    """
    made: list[socket.socket] = []
    failures: list[OSError] = []

    def make() -> None:
        try:
            _enter(namespace, _CLONE_NEWNET)
            made.append(socket.socket(family, kind, protocol))
        except OSError as error:
            failures.append(error)

    # A thread of its own, which ends with it: this one stays where it is.
    thread = threading.Thread(target=make, name="netns")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return made[0]


def _enter(namespace: Path, kind: int) -> None:
    descriptor = os.open(namespace, os.O_RDONLY)
    try:
        if _LIBC.setns(descriptor, kind):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(namespace))
    finally:
        os.close(descriptor)
