"""CRIU's ghost limit in the host's configuration files, shared by checkpoints that run together.

The files are the whole host's, so every holder must be sure that nobody changes the limit before
its dump is over. ``Auto`` is content with any limit that is high enough and only ever raises it;
such holders go together. ``Fixed`` wants exactly its value and goes with its like only. Everybody
waits in one queue, so that none is overtaken for ever.

Two locks hold that between processes too, such as two agents or an agent and a tool: the folder
``/etc/criu`` itself is the head of the queue, and a lock file in it is held for the time of the
dump, shared by ``Auto``, alone by ``Fixed``. They lie beside the files that they protect, where
whoever can edit those finds them. The kernel drops them when their holder dies.

*What remains.* ``Auto`` leaves the raised limit: it is bounded by the user's ``max``, it only
allows larger images, and lowering it could take it away from another user of CRIU. ``Fixed`` may
have lowered it, so it puts the files back, byte for byte. Before it writes, it notes in the lock
file what was there; if it dies, the next holder puts that back. A file that somebody else changed
meanwhile is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..criu.configuration import (
    ANNOTATION,
    FOLDER,
    STANDARD_FILES,
    GhostLimitFiles,
    ghost_limit,
    ghost_limit_files,
    with_ghost_limit,
)
from ..decisions.failures import OperationFailed, from_os_error
from ..decisions.ghost import Held, Need
from . import config_files, undo_note
from .file_lock import acquire
from .files import below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..decisions.facts import Container, Host

logger = logging.getLogger(__name__)

_LOCK_FILE: Final = ".podman-checkpoint.lock"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass
class _Group:
    """Holders that go together; one lock serves them all."""

    exact: int | None
    """The value they want exactly; None for those that are content with more."""

    lock: int
    members: int = 1


class GhostLimits:
    """The ghost limit of one host; one object serves all threads of an agent."""

    def __init__(
        self,
        root: Path,
        *,
        host: Callable[[], Host],
        timeout: float = 600.0,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Make the object; nothing is touched.

        Args:
            root: where the host's file system is.
            host: tells the runtime and the versions.
            timeout: seconds that a checkpoint waits for others that need another limit.
            on_change: called after each change of a file.
        """
        self._root = root
        self._host = host
        self._timeout = timeout
        self._on_change = on_change
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._group: _Group | None = None

    @contextmanager
    def hold(self, container: Container, need: Need) -> Iterator[Held]:
        """Keep the limit that a dump needs in force for the time of a block.

        Nothing is locked or written if the need names no limit.

        Raises:
            OperationFailed: if others need another limit for too long, or a file cannot be written.
        """
        if need.limit_bytes is None:
            yield _held(*self._look(container))
            return
        deadline = time.monotonic() + self._timeout
        exact = need.limit_bytes if need.exact else None
        with _explained(need.limit_bytes), self._turn(deadline):
            group = self._join(exact, deadline)
            try:
                held = self._bring_in_force(container, need.limit_bytes, group)
            except BaseException:
                self._leave(group)
                raise
        try:
            yield held
        finally:
            self._leave(group)

    def usual_file(self) -> str:
        """Return where the limit is set for containers of the default runtime."""
        files, _ = self._look_at(self._host().runtime, None)
        return files.write[-1]

    def recover(self) -> None:
        """Put back what a holder of an exact limit left when it died; for the agent's start."""
        if not (self._folder() / _LOCK_FILE).exists():
            return
        deadline = time.monotonic()
        with suppress(TimeoutError), self._turn(deadline):
            self._leave(self._join(None, deadline))

    @contextmanager
    def _turn(self, deadline: float) -> Iterator[None]:
        """Be the first of the queue: in this process by order of arrival, then on the host."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
        try:
            with self._changed:
                self._wait(lambda: self._queue[0] is ticket, deadline)
            folder = self._folder()
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            lock = acquire(folder, os.O_RDONLY | os.O_DIRECTORY, fcntl.LOCK_EX, deadline)
            try:
                yield
            finally:
                os.close(lock)
        finally:
            with self._changed:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def _join(self, exact: int | None, deadline: float) -> _Group:
        """Go with the present holders if they are alike; otherwise wait until they are gone."""
        with self._changed:
            self._wait(lambda: self._group is None or self._group.exact == exact, deadline)
            if self._group is not None:
                self._group.members += 1
                return self._group
        kind = fcntl.LOCK_SH if exact is None else fcntl.LOCK_EX
        lock = acquire(self._folder() / _LOCK_FILE, os.O_RDWR | os.O_CREAT, kind, deadline)
        try:
            # Whoever left a note and no longer holds the lock has died.
            self._put_back(lock)
        except BaseException:
            os.close(lock)
            raise
        group = _Group(exact, lock)
        with self._changed:
            self._group = group
        return group

    def _leave(self, group: _Group) -> None:
        with self._changed:
            group.members -= 1
            if group.members:
                return
            try:
                if group.exact is not None:
                    self._put_back(group.lock)
            except OSError:
                logger.exception("the ghost limit is put back by the next checkpoint")
            finally:
                os.close(group.lock)
                self._group = None
                self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], deadline: float) -> None:
        if not self._changed.wait_for(condition, max(0.0, deadline - time.monotonic())):
            raise TimeoutError

    def _bring_in_force(self, container: Container, limit: int, group: _Group) -> Held:
        files, contents = self._look(container)
        present = files.in_force(contents)
        if present == limit or (group.exact is None and present > limit):
            return _held(files, contents)
        after = dict(contents)
        for path in files.write:
            own = ghost_limit(contents.get(path, b""))
            if own is None or own < limit or group.exact is not None:
                after[path] = with_ghost_limit(contents.get(path, b""), limit)
        changed = {path: text for path, text in after.items() if contents.get(path) != text}
        if group.exact is not None:
            undo_note.add(
                group.lock, {path: (contents.get(path), text) for path, text in changed.items()}
            )
        for path, text in changed.items():
            config_files.replace(self._root, Path(path), text)
            self._on_change()
            logger.info(
                "ghost limit set",
                extra={"file": path, "was_bytes": present, "limit_bytes": limit},
            )
        return _held(files, after)

    def _put_back(self, lock: int) -> None:
        """Undo what the lock file's note tells, if there is one."""
        for path, (before, after) in undo_note.read(lock).items():
            present = config_files.read(self._root, Path(path))
            if present == before:
                continue
            if present != after:
                logger.warning(
                    "ghost limit left as it is: the file was changed meanwhile",
                    extra={"file": path},
                )
                continue
            if before is None:
                config_files.remove(self._root, Path(path))
            else:
                config_files.replace(self._root, Path(path), before)
            self._on_change()
        undo_note.clear(lock)

    def _look(self, container: Container) -> tuple[GhostLimitFiles, Mapping[str, bytes]]:
        """Return which files decide, and the contents of those that exist."""
        return self._look_at(Path(container.runtime).name, container.annotations.get(ANNOTATION))

    def _look_at(
        self, runtime: str, annotation: str | None
    ) -> tuple[GhostLimitFiles, Mapping[str, bytes]]:
        named = [annotation] if annotation and annotation.startswith("/") else []
        contents = {}
        for path in (*STANDARD_FILES, *named):
            content = config_files.read(self._root, Path(path))
            if content is not None:
                contents[path] = content
        host = self._host()
        files = ghost_limit_files(
            runtime=runtime,
            # Podman tells the version of its default runtime only.
            runtime_version=host.runtime_version if host.runtime == runtime else "",
            criu_version=host.criu_version,
            annotation=annotation,
            contents=contents,
        )
        return files, contents

    def _folder(self) -> Path:
        return below(self._root, Path(FOLDER))


def _held(files: GhostLimitFiles, contents: Mapping[str, bytes]) -> Held:
    return Held(limit_bytes=files.in_force(contents), config_file=files.source(contents))


@contextmanager
def _explained(limit: int) -> Iterator[None]:
    """Turn what can go wrong here into an explained failure."""
    try:
        yield
    except TimeoutError:
        raise OperationFailed(
            Cause.TIMED_OUT,
            f"other checkpoints on this host need another ghost limit than {limit} bytes",
            Setting(
                "spec.ghostLimit.policy: Auto in all of them: such checkpoints share one limit",
                rather="create the checkpoint again when they are over",
            ),
        ) from None
    except OSError as error:
        raise OperationFailed(
            Cause.NO_SPACE if error.errno in _FULL else Cause.PERMISSION_DENIED,
            from_os_error(error, f"set the ghost limit of {limit} bytes").evidence,
            Setting(
                f"spec.ghostLimit.policy: Disabled after you have put `ghost-limit {limit}` into"
                " the right file there by hand",
                rather=f"make {FOLDER} on the host writable for the agent",
            ),
        ) from error
