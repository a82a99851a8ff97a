"""The registration of a host: its PodmanHost made and kept up to date, its heartbeat given.

The heartbeat is a Lease, renewed every few seconds at little cost; the status is only written when
it says something else than before. Whatever others do to the PodmanHost (delete it, write its
status, mark it when the heartbeat was lost) is put right when the agent sees it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from ..api.host import HostSpec
from ..decisions.failures import OperationFailed
from ..decisions.host_report import Observation, described, differs, ready, require_fit, unfit
from .explain import unreachable
from .explained import explained
from .podman_port import PodmanUnreachable
from .resource import ResourceGone, StatusUnwritable

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 10.0
OBSERVE_SECONDS: Final = 60.0
"""Each look asks Podman, which systemd may have to start for it."""
REFRESH_SECONDS: Final = 300.0


class HostRegistry(Protocol):
    """The PodmanHost and the Lease of one host, at the API server."""

    def register(self) -> Mapping[str, Any]:
        """Return the PodmanHost, having made it where there was none.

        Raises:
            StatusUnwritable: the API server is out of reach, or refuses.
        """

    def status(self, uid: str, status: Mapping[str, Any]) -> None:
        """Write the status of the PodmanHost with this UID.

        Raises:
            StatusUnwritable: it could not be written now.
            ResourceGone: it was deleted.
        """

    def renew(self, host_uid: str) -> None:
        """Renew the Lease, made where there is none, which goes with the PodmanHost of this UID.

        Raises:
            StatusUnwritable: the API server is out of reach, or refuses.
        """


class Registration:
    """The registration of one host.

    Args:
        registry: where it is registered.
        observe: looks at the host; may raise what a reconciler may.
    """

    def __init__(self, registry: HostRegistry, observe: Callable[[], Observation]) -> None:
        self._registry = registry
        self._observe = observe
        self._lock = threading.Lock()
        # Conditions are one list: who changes one of them must not write an old one of another.
        self._writing = threading.Lock()
        self._known: Mapping[str, Any] | None = None
        self._look_at = 0.0
        self._written_at = 0.0

    def seen(self, body: Mapping[str, Any], *, deleted: bool) -> None:
        """Take note of the PodmanHost as the API server has it."""
        with self._lock:
            known = self._known or {"metadata": {}}
            told = known.get("status") or {}
            changed = body["metadata"].get("generation") != known["metadata"].get("generation")
            if deleted or changed or dict(body.get("status") or {}) != told:
                self._look_at = 0.0
            self._known = None if deleted else body

    def spec(self) -> HostSpec:
        """Return what the administrators ask of the host.

        Raises:
            StatusUnwritable: it is not known, and the API server is out of reach or refuses.
        """
        return HostSpec.model_validate(self._host().get("spec") or {})

    def current(self) -> Mapping[str, Any]:
        """Return the PodmanHost as the API server has it.

        Raises:
            StatusUnwritable: the API server is out of reach, or refuses.
        """
        return self._registry.register()

    def tell(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> None:
        """Write a part of the status.

        Args:
            change: is given the PodmanHost as it is, and returns what is to be merged into its
                status; None where it says that already.

        Raises:
            StatusUnwritable: it could not be written now.
            ResourceGone: the PodmanHost was deleted.
        """
        with self._writing:
            host = self.current()
            self._write(host, change(host))

    def beat(self) -> None:
        """Give a sign of life, and report what has changed; to be called again and again."""
        try:
            host = self._host()
            self._registry.renew(host["metadata"]["uid"])
            if time.monotonic() >= self._look_at:
                self._report(host)
                self._look_at = time.monotonic() + OBSERVE_SECONDS
        except ResourceGone:
            with self._lock:
                self._known = None
            self._look_at = 0.0
        except StatusUnwritable as error:
            logger.warning("host not reported", extra={"error": str(error)})

    def _host(self) -> Mapping[str, Any]:
        with self._lock:
            known = self._known
        if known is None:
            known = self._registry.register()
            with self._lock:
                self._known = known
        return known

    def _report(self, host: Mapping[str, Any]) -> None:
        look = self._look()
        late = time.monotonic() >= self._written_at + REFRESH_SECONDS
        if not differs(host.get("status") or {}, self._status(host, look), at_all=late):
            return
        with self._writing:
            host = self.current()
            self._write(host, self._status(host, look))
        self._written_at = time.monotonic()

    def _write(self, host: Mapping[str, Any], status: Mapping[str, Any] | None) -> None:
        if status is not None:
            self._registry.status(host["metadata"]["uid"], status)
            host = {**host, "status": _merged(host.get("status") or {}, status)}
        with self._lock:
            # It may have been deleted or changed meanwhile.
            if self._known is not None:
                self._known = {**_newer(self._known, host), "status": host.get("status") or {}}

    def _look(self) -> Observation | OperationFailed:
        try:
            return explained(lambda _: self._observe(), None)
        except PodmanUnreachable as error:
            return unreachable(error)
        except OperationFailed as failure:
            return failure

    def _status(
        self, host: Mapping[str, Any], look: Observation | OperationFailed
    ) -> dict[str, Any]:
        before = list((host.get("status") or {}).get("conditions") or ())
        generation = host["metadata"].get("generation", 1)
        now = datetime.now(UTC)
        status: dict[str, Any] = {"observedGeneration": generation}
        try:
            if isinstance(look, OperationFailed):
                raise look
            status |= described(look)
            require_fit(look)
        except OperationFailed as failure:
            conditions = unfit(before, failure, generation=generation, now=now)
        else:
            conditions = ready(before, look, generation=generation, now=now)
        return {**status, "conditions": conditions}


def _newer(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return that of two states of a PodmanHost which has the newer spec."""
    generations = [each["metadata"].get("generation", 1) for each in (one, other)]
    return one if generations[0] > generations[1] else other


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a merge patch makes of a status."""
    result = dict(old)
    for name, value in new.items():
        result[name] = (
            _merged(result.get(name) or {}, value) if isinstance(value, Mapping) else value
        )
    return {name: value for name, value in result.items() if value is not None}
