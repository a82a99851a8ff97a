"""A drain for a shutdown while the API server is away, as when a whole site goes down.

It is the same drain with other ends: what it makes and tells is kept on the host. When the API
server is back, what was saved so appears in the status of the PodmanHost, and is restored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from ..api.host import DrainedContainer, DrainState, DrainStatus
from ..api.reasons import Reason
from ..decisions.drain.host import told
from ..decisions.drain.objects import made
from .resource import StatusUnwritable

logger = logging.getLogger(__name__)

PREFIX: Final = "offline-"
"""Of UIDs and names: the API server may have, or get, another checkpoint of the same run."""


class Records(Protocol):
    """What is kept on the host: see :class:`..host.offline_records.OfflineRecords`."""

    def known(self) -> Mapping[str, Any] | None:
        """Return what the API server has last asked of the host; None if that was never heard."""

    def write_known(self, asked: Mapping[str, Any]) -> None:
        """Keep what the API server asks of the host; it is not forgotten."""

    def host(self) -> Mapping[str, Any] | None:
        """Return the PodmanHost with what was told of its drain; None if nothing was."""

    def write_host(self, host: Mapping[str, Any]) -> None:
        """Keep the PodmanHost."""

    def checkpoints(self) -> list[Mapping[str, Any]]:
        """Return all checkpoints."""

    def checkpoint(self, uid: str) -> Mapping[str, Any] | None:
        """Return the checkpoint of a UID, if there is one."""

    def write_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """Keep a checkpoint."""

    def forget(self) -> None:
        """Forget everything."""


class Turns(Protocol):
    """A drain."""

    def turn(self) -> float | None:
        """Do what is to be done now; return when to look again."""


class Offline:
    """What a drain leaves to another one while the API server is away."""

    def __init__(self, host: OfflineHost, drain: Turns) -> None:
        self._host = host
        self._drain = drain
        self._request: str | None = None

    def remember(self, host: Mapping[str, Any]) -> None:
        """Keep what the API server asks of the host, for when it is away."""
        self._host.remember(host)

    def takes_over(self, request: str) -> bool:
        """Take over what a shutdown asks for, unless nothing is known of the PodmanHost."""
        if not self._host.begin():
            return False
        logger.warning("the API server is away: containers are saved without it")
        self._request = request
        self._host.resume()
        return True

    def has(self, request: str | None) -> bool:
        """Whether a request was taken over, and not been done with."""
        return request is not None and request == self._request

    def turn(self) -> float | None:
        """Do what is to be done now; return when to look again."""
        return self._drain.turn()

    def is_there(self) -> bool:
        """Whether there is something that the API server is to hear of."""
        return self._host.is_there()

    def goes_on(self) -> bool:
        """Go on with what has not ended; return whether there is such a thing."""
        if self._host.has_ended():
            return False
        self._host.resume()
        return True

    def added_to(self, drain: DrainStatus | None) -> DrainStatus | None:
        """Return what is told of a drain, with what was saved without the API server."""
        return self._host.added_to(drain)

    def forget(self) -> None:
        """Forget what the API server has heard of."""
        self._host.forget()


class NoOffline:
    """Of a drain that leaves nothing to another one: see :class:`Offline`."""

    def remember(self, host: Mapping[str, Any]) -> None:
        """Keep nothing."""

    def takes_over(self, request: str) -> bool:
        """Take over nothing."""
        return False

    def has(self, request: str | None) -> bool:
        """Nothing was taken over."""
        return False

    def turn(self) -> float | None:
        """Do nothing."""

    def is_there(self) -> bool:
        """There is nothing to be heard of."""
        return False

    def goes_on(self) -> bool:
        """Nothing does."""
        return False

    def added_to(self, drain: DrainStatus | None) -> DrainStatus | None:
        """Return it as it is."""
        return drain

    def forget(self) -> None:
        """There is nothing to forget."""


class OfflineHost:
    """The PodmanHost, and the checkpoints that its drain has made, without an API server.

    Args:
        records: of the host.
        begin: begins or continues the operation of a resource.
    """

    def __init__(self, records: Records, begin: Callable[[Mapping[str, Any]], None]) -> None:
        self._records = records
        self._begin = begin
        self._known: Mapping[str, Any] | None = None

    # As a drain sees its PodmanHost

    def current(self) -> Mapping[str, Any]:
        """Return the PodmanHost.

        Raises:
            StatusUnwritable: it was never seen.
        """
        host = self._records.host()
        if host is None:
            raise StatusUnwritable("The API server is away, and has not told of this host before")
        return host

    def seen(self, host: Mapping[str, Any]) -> None:
        """Nobody is to hear of it now."""

    def tell(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> None:
        """Change the status."""
        host = self.current()
        if (status := change(host)) is not None:
            self._records.write_host({**host, "status": {**host.get("status", {}), **status}})

    # As a drain sees what it has made

    def checkpoints(self) -> list[Mapping[str, Any]]:
        """Return the ContainerCheckpoints."""
        return self._records.checkpoints()

    def restores(self) -> list[Mapping[str, Any]]:
        """Return nothing: it is for shutdowns only."""
        return []

    def make(self, manifest: Mapping[str, Any]) -> None:
        """Keep a ContainerCheckpoint, and begin."""
        uid = f"{PREFIX}{manifest['metadata']['name']}"
        if self._records.checkpoint(uid) is None:
            metadata = {**manifest["metadata"], "uid": uid, "generation": 1}
            self._records.write_checkpoint({**manifest, "metadata": metadata})
        self.resume()

    def is_cordoned(self) -> bool:
        """Nobody knows."""
        return False

    def delete(self, what: Any) -> None:
        """Keep it: all of it goes when it has been told."""

    # As the agent sees it

    def remember(self, host: Mapping[str, Any]) -> None:
        """Keep what the API server asks of the host, for when it is away."""
        metadata = host["metadata"]
        about = {each: metadata.get(each) for each in ("name", "uid", "generation")}
        asked = {"metadata": about, "spec": dict(host.get("spec") or {})}
        if self._known is None:
            self._known = self._records.known()
        if asked == self._known:
            return
        try:
            self._records.write_known(asked)
        except OSError as error:  # a full disk does not hold up a drain
            logger.warning("not kept", extra={"error": str(error)})
        else:
            self._known = asked

    def begin(self) -> bool:
        """Go by what the API server has asked of the host last, if it ever has."""
        asked = self._records.known()
        if asked is None:
            return False
        self._records.write_host({**(self._records.host() or {}), **asked})
        return True

    def resume(self) -> None:
        """Begin, or go on with, what has not ended."""
        for each in self._records.checkpoints():
            if made(each).under_way:
                self._begin(each)

    def is_there(self) -> bool:
        """Whether there is something that the API server is to hear of."""
        return self._records.host() is not None

    def has_ended(self) -> bool:
        """Whether nothing is under way."""
        return not any(made(each).under_way for each in self._records.checkpoints())

    def added_to(self, drain: DrainStatus | None) -> DrainStatus | None:
        """Return what is told of a drain, with what was saved without the API server."""
        offline = told(self._records.host() or {})
        saved = self._saved(offline)
        if offline is None or not saved:
            return drain
        drain = drain or offline.model_copy(update={"containers": ()})
        known = {(each.id, each.checkpoint) for each in drain.containers}
        fresh = [each for each in saved if (each.id, each.checkpoint) not in known]
        ids = {each.id for each in fresh}
        kept = [each for each in drain.containers if each.id not in ids]
        return drain.model_copy(update={"containers": (*kept, *fresh)})

    def forget(self) -> None:
        """Forget what the API server has heard of."""
        self._records.forget()

    def _saved(self, drain: DrainStatus | None) -> list[DrainedContainer]:
        checkpoints = {each["metadata"]["name"]: made(each) for each in self._records.checkpoints()}
        return [
            each.model_copy(
                update={
                    "state": DrainState.SAFE,
                    "reason": str(Reason.CHECKPOINTED),
                    "message": None,
                    "checkpoint": f"{PREFIX}{each.checkpoint}",
                }
            )
            for each in (drain.containers if drain else ())
            if each.checkpoint in checkpoints and checkpoints[each.checkpoint].ready
        ]
