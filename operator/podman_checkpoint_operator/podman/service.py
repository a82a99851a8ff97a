"""What the operator asks of Podman: look at a container, checkpoint it, restore it, clear up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..decisions.container_list import ListedContainer
from ..decisions.facts import Container, Endpoint, Network, Pod, RestartPolicy
from ..reconcilers.podman_port import (
    CheckpointOptions,
    NotFound,
    PodmanError,
    RestoreOptions,
    Session,
)
from . import vfs_store
from .inspection import (
    container_from_inspect,
    endpoints_from_status,
    listed_container,
    network_from_inspect,
    pod_from_inspect,
)
from .multiplexed import payloads
from .transport import Transport

_LIBPOD_NAMES = {
    "ignore_root_fs": "ignoreRootFS",
    "ignore_static_ip": "ignoreStaticIP",
    "ignore_static_mac": "ignoreStaticMAC",
}


class PodmanService:
    """One Podman service, reached over its UNIX socket.

    Args:
        url: of the socket.
        root: where the host's file system is.
    """

    def __init__(self, url: str, *, root: Path = Path("/")) -> None:
        self._transport = Transport(url)
        self._root = root

    def info(self) -> dict[str, Any]:
        """Return ``podman info``: host, store and version."""
        answer: dict[str, Any] = self._transport.get("info")
        return answer

    def release(self) -> str:
        """Return the service's version, at once."""
        return self._transport.ping().get("Libpod-API-Version", "")

    def inspect(self, reference: str, *, timeout: float = 60.0) -> Container:
        """Return the container with this name or ID.

        Podman answers only when it has finished what it is doing with the container, so this also
        waits for a checkpoint that an earlier agent began.

        Raises:
            NotFound: there is none.
        """
        path = f"containers/{quote(reference, safe='')}/json"
        container = container_from_inspect(self._transport.get(path, timeout=timeout))
        if container.storage_driver != vfs_store.DRIVER:
            return container
        trees = vfs_store.trees(container.bundle, container.id, root=self._root)
        if trees is None:
            return container
        return replace(container, upper=trees[0], lowers=trees[1:], whole_trees=True)

    def find(self, reference: str) -> Container | None:
        """Return the container with this name or ID, or None."""
        try:
            return self.inspect(reference)
        except NotFound:
            return None

    def containers(self) -> tuple[ListedContainer, ...]:
        """Return all containers, running or not, without the infra containers of pods."""
        answer = self._transport.get("containers/json", all="true")
        return tuple(listed_container(each) for each in answer or () if not each.get("IsInfra"))

    def sharing(self, mounts: Iterable[str]) -> tuple[Container, ...]:
        """Return the running containers that mount any of these volumes or paths."""
        wanted = list(mounts)
        if not wanted:
            return ()
        filters = json.dumps({"volume": wanted})
        listed = self._transport.get("containers/json", filters=filters) or ()
        return tuple(filter(None, (self.find(each["Id"]) for each in listed)))

    def write_dumps(self, container_id: str) -> None:
        """Make Podman write ``config.dump`` and ``spec.dump`` into the bundle, and nothing else.

        It writes them only on the way to an export. An export "with previous" of a container that
        has no previous checkpoint fails right after that, before it touches the container (the
        same in Podman 4.9, 5.4 and 6.0).
        """
        query = {"export": "true", "withPrevious": "true", "leaveRunning": "true"}
        try:
            self._transport.post(f"containers/{container_id}/checkpoint", params=query)
        except NotFound:
            raise
        except PodmanError as error:
            if not error.status:
                raise

    def checkpoint(
        self, container_id: str, options: CheckpointOptions, *, timeout: float
    ) -> dict[str, int]:
        """Checkpoint a container into its bundle, and return CRIU's statistics, if Podman tells.

        CRIU's log, the statistics and the dumps are kept beside the images: the log proves that
        the dump finished, the others belong into an archive.
        """
        path = f"containers/{container_id}/checkpoint"
        query = {**_query(options), "keep": "true", "printStats": "true"}
        if options.export:
            # The state is complete in the bundle before the first byte of the export comes.
            self._transport.post_unread(path, params=query, timeout=timeout)
            return {}
        answer = self._transport.post(path, params=query, timeout=timeout)
        return dict(answer.get("criu_statistics") or {})

    def restore(
        self, container_id: str, options: RestoreOptions, *, timeout: float
    ) -> dict[str, int]:
        """Restore a container from the images in its bundle, and return CRIU's statistics."""
        query = {**_query(options), "printStats": "true"}
        path = f"containers/{container_id}/restore"
        answer = self._transport.post(path, params=query, timeout=timeout)
        return dict(answer.get("criu_statistics") or {})

    def restore_archive(
        self, archive: Iterable[bytes], options: RestoreOptions, *, timeout: float
    ) -> tuple[str, dict[str, int]]:
        """Restore a container from a plain tar stream; return its ID and CRIU's statistics."""
        query = {**_query(options), "import": "true", "printStats": "true"}
        answer = self._transport.post(
            "containers/import/restore", params=query, body=archive, timeout=timeout
        )
        return str(answer["Id"]), dict(answer.get("criu_statistics") or {})

    def remove(self, container_id: str) -> None:
        """Remove a container by force; it is no error when there is none."""
        query = {"force": "true", "timeout": "0", "v": "false"}
        try:
            self._transport.send("DELETE", f"containers/{container_id}", params=query)
        except NotFound:
            return

    def stop(self, container_id: str) -> None:
        """Stop a running container in its own stop timeout."""
        self._transport.post(f"containers/{container_id}/stop", timeout=300)

    def start(self, container_id: str) -> None:
        """Start a stopped container afresh."""
        self._transport.post(f"containers/{container_id}/start")

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""
        self._transport.post(f"containers/{container_id}/rename", params={"name": name})

    def create_session(self, container_id: str, command: Sequence[str]) -> str:
        """Prepare a command in a running container; return the session's ID."""
        content = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        return str(self._transport.post(f"containers/{container_id}/exec", content=content)["Id"])

    def start_session(
        self, session: str, output: Callable[[bytes], None], *, timeout: float
    ) -> None:
        """Run a session's command to its end; what it writes goes to ``output`` at once.

        A command that could not be begun has written why.
        """
        content = {"Detach": False, "Tty": False}
        raw = self._transport.stream(f"exec/{session}/start", content=content, timeout=timeout)
        for data in payloads(raw):
            output(data)

    def session(self, session: str) -> Session | None:
        """Return how far a session is, or None when it was removed."""
        try:
            answer = self._transport.get(f"exec/{session}/json")
        except NotFound:
            return None
        return Session(bool(answer["Running"]), int(answer["Pid"]), int(answer["ExitCode"]))

    def remove_session(self, session: str) -> None:
        """Forget a session that has ended; without that, Podman lists it for minutes."""
        self._transport.post(f"exec/{session}/remove", content={"Force": False})

    def set_restart_policy(self, container_id: str, policy: RestartPolicy) -> None:
        """Change a container's restart policy and nothing else of it, running or not.

        Raises:
            PodmanError: it has not changed; Podman before 5.1 ignores the wish.
        """
        query = {"restartPolicy": policy.name}
        if policy.retries:
            query["restartRetries"] = str(policy.retries)
        self._transport.order(f"containers/{container_id}/update", params=query, content={})
        if self.inspect(container_id).restart_policy != policy:
            raise PodmanError(f"Podman has not set the restart policy {policy.name}")

    def image_id(self, reference: str) -> str:
        """Return the ID of the image with this name or ID, or an empty string."""
        try:
            answer = self._transport.get(f"images/{quote(reference, safe='')}/json")
        except NotFound:
            return ""
        return str(answer["Id"])

    def network(self, name: str) -> Network | None:
        """Return the network of this name, with the running containers in it, or None."""
        try:
            answer = self._transport.get(f"networks/{quote(name, safe='')}/json")
        except NotFound:
            return None
        return network_from_inspect(answer)

    def saved_endpoints(self, container: Container) -> tuple[Endpoint, ...]:
        """Return where a container was in its own networks when it was checkpointed.

        Podman asks for the same again. It keeps them in a file only: an inspect tells nothing of a
        container that does not run.
        """
        path = self._root / container.bundle.relative_to("/") / "network.status"
        try:
            return endpoints_from_status(json.loads(path.read_bytes()) or {})
        except (OSError, ValueError):
            return ()

    def pod(self, reference: str) -> Pod | None:
        """Return the pod of this name or ID, or None."""
        try:
            answer = self._transport.get(f"pods/{quote(reference, safe='')}/json")
        except NotFound:
            return None
        return pod_from_inspect(answer)

    def volume_source(self, name: str) -> Path | None:
        """Return where the content of a named volume lies, or None when there is no such volume."""
        try:
            answer = self._transport.get(f"volumes/{quote(name, safe='')}/json")
        except NotFound:
            return None
        return Path(answer["Mountpoint"])

    def remove_volume(self, name: str) -> None:
        """Remove a volume that nothing uses; it is no error when there is none."""
        try:
            self._transport.send("DELETE", f"volumes/{quote(name, safe='')}")
        except NotFound:
            return


def _query(options: CheckpointOptions | RestoreOptions) -> dict[str, str]:
    """Only what differs from Podman's defaults, so that an older service never sees a newer key."""
    query = {}
    for option in fields(options):
        value = getattr(options, option.name)
        if value == option.default:
            continue
        words = option.name.split("_")
        name = _LIBPOD_NAMES.get(
            option.name, words[0] + "".join(word.capitalize() for word in words[1:])
        )
        if isinstance(value, bool):
            query[name] = "true"
        else:
            # Podman splits one string at white space; of a repeated key it keeps only the last.
            query[name] = value if isinstance(value, str) else " ".join(value)
    return query
