"""A host's ghost limit, and who holds it: what the tests of it share."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from podman_checkpoint_operator.decisions.facts import Container, Host
from podman_checkpoint_operator.decisions.ghost import Need
from podman_checkpoint_operator.host.ghost_limits import GhostLimits

MIB = 1024 * 1024
PATIENCE = 30.0


def a_container(**annotations: str) -> Container:
    named = {name.replace("_", "."): value for name, value in annotations.items()}
    return cast(Container, SimpleNamespace(runtime="runc", annotations=named))


def a_host() -> Host:
    host = SimpleNamespace(runtime="runc", runtime_version="runc version 1.1", criu_version="4.2.1")
    return cast(Host, host)


CONTAINER = a_container()


def auto(limit: int) -> Need:
    return Need(limit_bytes=limit)


def exactly(limit: int) -> Need:
    return Need(limit_bytes=limit, exact=True)


def limits(root: Path, timeout: float = PATIENCE) -> GhostLimits:
    return GhostLimits(root, host=a_host, timeout=timeout)


def write(conf: Path, content: bytes) -> None:
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_bytes(content)


class Holder:
    """A thread that holds a limit until it is told to let go."""

    def __init__(self, shared: GhostLimits, need: Need, order: list[str], name: str = "") -> None:
        self._shared, self._need, self._order, self._name = shared, need, order, name
        self.inside = threading.Event()
        self._let_go = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._shared.hold(CONTAINER, self._need):
            self._order.append(self._name)
            self.inside.set()
            self._let_go.wait(PATIENCE)

    def wait(self) -> None:
        assert self.inside.wait(PATIENCE)

    def let_go(self) -> None:
        self._let_go.set()
        self._thread.join(PATIENCE)


def queued(shared: GhostLimits, number: int) -> None:
    """Return when so many holders stand in the queue."""
    done = threading.Event()
    for _ in range(3000):
        if len(shared._queue) == number:
            return
        done.wait(0.01)
    raise AssertionError(f"{len(shared._queue)} of {number} holders are queued")
