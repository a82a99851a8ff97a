"""What end-to-end tests use: a namespace to apply resources in, and containers on the lab's hosts.

Resources are applied by kubectl, as a user does it. They are read by a client of this process,
since a test looks many times and each kubectl costs a tenth of a second of the machine.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import yaml
from kubernetes import client, config, watch

from podman_checkpoint_operator.api.names import (
    API_VERSION,
    CHECKPOINTS,
    GROUP,
    RESTORES,
    VERSION,
    Resource,
)
from podman_checkpoint_operator.criu.configuration import version
from tests import specs
from tests.lab import images, paths
from tests.lab.inventory import Host
from tests.lab.kubectl import kubectl
from tests.lab.shell import CommandFailed
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

RUNC_LOST_INIT: Final = "waiting for init preliminary setup"
"""What runc 1.1 says, once in some ten thousand starts on a machine under load, when its own child
has died before it read what it is to start. Newer ones do not wait for the child at that point."""
PATIENCE_SECONDS: Final = 120.0
"""How long a test waits for anything before it fails; a machine under load is slow."""

KINDS: Final = {each.kind: each for each in (CHECKPOINTS, RESTORES)}

COUNTER: Final = """\
n=0
while :; do
	echo $n >>/counts
	n=$((n + 1))
	sleep 0.05
done
"""
"""A shell script that appends 0, 1, 2, ... to /counts: a state in memory that shows any gap."""

CONNECTED: Final = "mkfifo /hold; nc -l -p 7777 -e cat & sleep 0.3; nc 127.0.0.1 7777 <>/hold"
"""A shell script that holds a TCP connection to itself, as long as it is there."""


class Failed(AssertionError):
    """A resource ended otherwise than a test asked for."""


@dataclass(frozen=True)
class Object:
    """A ContainerCheckpoint or ContainerRestore on the API server."""

    resource: Resource
    namespace: str
    name: str
    patience: float = PATIENCE_SECONDS
    """How long to wait for it, in seconds."""

    def get(self) -> dict[str, Any]:
        """Return it as it is now."""
        found: dict[str, Any] = _custom_objects().get_namespaced_custom_object(
            GROUP, VERSION, self.namespace, self.resource.plural, self.name
        )
        return found

    def exists(self) -> bool:
        """Whether it is there."""
        try:
            self.get()
        except client.ApiException as error:
            if error.status == 404:
                return False
            raise
        return True

    @property
    def status(self) -> dict[str, Any]:
        """``status``, empty as long as no agent has written it."""
        return self.get().get("status") or {}

    def condition(self, type_: str) -> dict[str, Any]:
        """Return a condition, empty if there is none of that type."""
        return condition(self.status, type_)

    def wait_for(self, reached: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        """Return the first status of which ``reached`` holds.

        Raises:
            WaitError: it did not come to that.
        """
        seen: dict[str, Any] = {}

        def look() -> object:
            nonlocal seen
            seen = self.status
            return reached(seen)

        what = f"{self.resource.kind} {self.name} to be {what}"
        wait_until(look, what, timeout=self.patience)
        return seen

    def wait_ended(self) -> dict[str, Any]:
        """Return the status with which it ended, well or not."""
        return self.wait_for(_ended, "at its end")

    def wait_ready(self) -> dict[str, Any]:
        """Return its status when it is Ready.

        Raises:
            Failed: it failed; the message says why.
        """
        status = self.wait_ended()
        if condition(status, "Ready")["status"] != "True":
            raise Failed(f"{self.resource.kind} {self.name} failed: {_explanation(status)}")
        return status

    def wait_failed(self, cause: str) -> dict[str, Any]:
        """Return its status when it has failed with this cause.

        Raises:
            Failed: it is Ready, or failed with another cause.
        """
        status = self.wait_ended()
        if (status.get("diagnosis") or {}).get("cause") != cause:
            raise Failed(f"{self.name} did not fail with {cause}: {_explanation(status)}")
        return status

    def events(self) -> list[client.CoreV1Event]:
        """Return the events about it, the oldest first."""
        uid = self.get()["metadata"]["uid"]
        found = _core().list_namespaced_event(
            self.namespace, field_selector=f"involvedObject.uid={uid}"
        )
        return sorted(found.items, key=lambda event: int(event.metadata.resource_version or 0))

    def delete(self) -> None:
        """Delete it and wait until it is gone, finalizers included."""
        kubectl("delete", *self.words(), "--ignore-not-found", f"--timeout={PATIENCE_SECONDS:.0f}s")

    def words(self) -> tuple[str, ...]:
        """Return kubectl's arguments that name it."""
        return (self.resource.plural, self.name, f"--namespace={self.namespace}")


@dataclass(frozen=True)
class Container:
    """A container on one of the lab's hosts; where it says ``name``, it may not exist yet."""

    host: Host
    name: str

    def exec(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return self.host.exec("podman", "exec", self.name, *argv, check=check)

    def read(self, path: str) -> str:
        """Return the text of a file in it."""
        return self.exec("cat", path).stdout

    def inspect(self, template: str) -> str:
        """Return what a Go template makes of ``podman inspect``."""
        shown = self.host.exec("podman", "container", "inspect", "--format", template, self.name)
        return shown.stdout.strip()

    def exists(self) -> bool:
        """Whether Podman knows it."""
        found = self.host.exec("podman", "container", "exists", self.name, check=False)
        return found.returncode == 0

    @property
    def state(self) -> str:
        """``running``, ``exited``, ``paused`` and so on."""
        return self.inspect("{{.State.Status}}")

    @property
    def id(self) -> str:
        """Its full ID."""
        return self.inspect("{{.Id}}")

    @property
    def started_at(self) -> str:
        """When it was started last."""
        return self.inspect("{{.State.StartedAt}}")

    def on(self, host: Host) -> Container:
        """Return the container of the same name on another host."""
        return Container(host, self.name)

    def remove(self) -> None:
        """Remove it with its anonymous volumes, running or not."""
        self.host.exec("podman", "rm", "--force", "--ignore", "--time=0", "--volumes", self.name)

    def counts(self) -> list[int]:
        """Return what :data:`COUNTER` has written."""
        return [int(line) for line in self.read("/counts").splitlines()]

    def connections(self) -> int:
        """Return how many ends of established TCP connections are within the container."""
        return self.exec("netstat", "-tn", check=False).stdout.count("ESTABLISHED")

    def require_counting_on(self, *, since: int) -> None:
        """See the counter go on from ``since`` or later, with no number missing or twice.

        Raises:
            WaitError: it stands still.
        """
        wait_until(lambda: len(self.counts()) > since + 2, f"the counter of {self.name} to go on")
        counts = self.counts()
        assert counts == list(range(len(counts)))


@dataclass(frozen=True)
class Bench:
    """One test's namespace, and everything that it makes on the hosts."""

    prefix: str = field(default_factory=lambda: f"e2e-{secrets.token_hex(3)}")
    """The namespace, and how all of the test's containers, volumes and networks begin."""
    patience: float = PATIENCE_SECONDS
    """How long to wait for its resources; for hosts in software emulation more than for others."""

    def name(self, suffix: str = "c") -> str:
        """Return a name that no other test has."""
        return f"{self.prefix}-{suffix}"

    def run(
        self,
        host: Host,
        *command: str,
        options: tuple[str, ...] = (),
        image: str = "busybox",
        suffix: str = "c",
        runtime: str = "",
    ) -> Container:
        """Start a container; ``options`` are those of ``podman run``."""
        host.load_image(image)
        container = Container(host, self.name(suffix))
        podman = ("podman", *((f"--runtime={runtime}",) if runtime else ()))
        words = ("--detach", "--name", container.name, *options, images.image(image).tag, *command)
        try:
            host.exec(*podman, "run", *words)
        except CommandFailed as error:
            if RUNC_LOST_INIT not in error.output:
                raise
            host.exec(*podman, "run", "--replace", *words)
        return container

    def count(self, host: Host, *options: str, suffix: str = "c") -> Container:
        """Start a container that counts, see :data:`COUNTER`, and has counted a little."""
        container = self.run(host, "sh", "-c", COUNTER, options=options, suffix=suffix)
        wait_until(
            lambda: len(container.exec("cat", "/counts", check=False).stdout) > 4, "a few counts"
        )
        return container

    def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Apply one manifest in the test's namespace, as a user does."""
        return self.apply_all([manifest])[0]

    def apply_all(self, manifests: Sequence[Mapping[str, Any]]) -> list[Object]:
        """Apply manifests at once, in their order."""
        items = [
            {**each, "metadata": {**each["metadata"], "namespace": self.prefix}}
            for each in manifests
        ]
        file = {"apiVersion": "v1", "kind": "List", "items": items}
        kubectl("apply", "--filename=-", stdin=json.dumps(file))
        return [self.object(each["kind"], each["metadata"]["name"]) for each in items]

    def carry_out(self, manifest: Mapping[str, Any]) -> Object:
        """Create a resource and see it become Ready, with as little beside it as can be.

        Raises:
            Failed: it failed; the message says why.
        """
        where = (GROUP, VERSION, self.prefix, KINDS[manifest["kind"]].plural)
        api: Any = _custom_objects()
        made = api.create_namespaced_custom_object(*where, dict(manifest))
        changes: Iterable[Any] = watch.Watch().stream(
            api.list_namespaced_custom_object,
            *where,
            field_selector=f"metadata.name={made['metadata']['name']}",
            resource_version=made["metadata"]["resourceVersion"],
        )
        for change in changes:
            if _ended(change["object"].get("status") or {}):
                break
        found = self.object(made["kind"], made["metadata"]["name"])
        found.wait_ready()
        return found

    def history(self, kind: str) -> list[dict[str, Any]]:
        """Return every state that resources of a kind have had, in order.

        They are what anybody sees who has watched from the beginning.
        """
        namespace: Any = _core().read_namespace(self.prefix)
        events: Iterable[Any] = watch.Watch().stream(
            _custom_objects().list_namespaced_custom_object,
            *(GROUP, VERSION, self.prefix, KINDS[kind].plural),
            resource_version=namespace.metadata.resource_version,
            timeout_seconds=1,
        )
        return [event["object"] for event in events]

    def object(self, kind: str, name: str) -> Object:
        """Return a resource of the test's namespace, whether or not it is there."""
        return Object(KINDS[kind], self.prefix, name, self.patience)

    def checkpoint(self, container: Container, resource: str = "saved", /, **spec: Any) -> Object:
        """Apply a ContainerCheckpoint of a container."""
        return self.apply(checkpoint(container, resource, **spec))

    def restore(
        self, host: Host, source: Object | Mapping[str, Any], resource: str = "back", /, **spec: Any
    ) -> Object:
        """Apply a ContainerRestore from a checkpoint, or from ``spec.source`` as it is given."""
        return self.apply(restore(host, source, resource, **spec))


def checkpoint(container: Container, resource: str, /, **spec: Any) -> dict[str, Any]:
    """Return the manifest of a checkpoint; an archive is asked for by ``archive={}``."""
    target = {"nodeName": container.host.name, "containerRef": {"name": container.name}}
    return _manifest(CHECKPOINTS.kind, resource, {**target, **spec})


def restore(
    host: Host, source: Object | Mapping[str, Any], resource: str, /, **spec: Any
) -> dict[str, Any]:
    """Return the manifest of a restore."""
    if isinstance(source, Object):
        source = {"checkpointRef": {"name": source.name}}
    return _manifest(
        RESTORES.kind, resource, {"nodeName": host.name, "source": dict(source), **spec}
    )


def sample(path: str, *, container: str) -> dict[str, Any]:
    """Return a sample manifest, about another container than the one that it names."""
    manifest: dict[str, Any] = yaml.safe_load((specs.SAMPLES / path).read_text())
    if "containerRef" in manifest["spec"]:
        manifest["spec"]["containerRef"] = {"name": container}
    return manifest


def condition(status: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """Return a condition of a status, empty if there is none of that type."""
    found: list[dict[str, Any]] = [
        each for each in status.get("conditions") or () if each["type"] == type_
    ]
    return found[0] if found else {}


def archive_in_host(status: Mapping[str, Any]) -> str:
    """Return the path of a checkpoint's archive, which every host of the lab sees."""
    return str(status["archive"]["uri"]).removeprefix("file://")


def archive_on_machine(status: Mapping[str, Any]) -> Path:
    """Return a checkpoint's archive as this machine sees it."""
    return paths.ARCHIVES / archive_in_host(status).removeprefix(f"{paths.ARCHIVES_IN_HOST}/")


def what_is_there(host: Host) -> str:
    """Return all containers, volumes and temporary files of a host's Podman."""
    containers = host.exec("podman", "ps", "--all", "--format", "{{.ID}} {{.Names}} {{.State}}")
    volumes = host.exec("podman", "volume", "ls", "--format", "{{.Name}}")
    temporary = host.exec("ls", "/var/tmp")
    return containers.stdout + volumes.stdout + temporary.stdout


def forget_ghost_limit(host: Host) -> None:
    """Undo what checkpoints before have left raised: it would do for the next one, too."""
    host.exec("sed", "--in-place", "/^ghost-limit/d", "/etc/criu/runc.conf")


def podman_version(host: Host) -> tuple[int, ...]:
    """Return the version of a host's Podman."""
    return version(host.exec("podman", "version", "--format", "{{.Client.Version}}").stdout)


def make_namespace(name: str) -> None:
    """Create a namespace."""
    _core().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))


def remove_namespace(name: str) -> None:
    """Delete our resources of a namespace, and the namespace.

    The lab has no controller that empties namespaces, so that they would stay Terminating.
    """
    objects = _custom_objects()
    for resource in KINDS.values():
        objects.delete_collection_namespaced_custom_object(GROUP, VERSION, name, resource.plural)
    wait_until(lambda: not _resources(name), f"the end of what is in {name}")
    core = _core()
    core.delete_namespace(name)
    core.replace_namespace_finalize(
        name,
        client.V1Namespace(
            metadata=client.V1ObjectMeta(name=name), spec=client.V1NamespaceSpec(finalizers=[])
        ),
    )


def _resources(namespace: str) -> list[str]:
    objects = _custom_objects()
    return [
        found["metadata"]["name"]
        for resource in KINDS.values()
        for found in objects.list_namespaced_custom_object(
            GROUP, VERSION, namespace, resource.plural
        )["items"]
    ]


# All at once: each program of Podman's takes a tenth of a second, mostly to start. The shell keeps
# their lines whole.
_LIST: Final = """\
echo "$(podman pod ls --format 'pod {{.Name}}')" &
echo "$(podman container ls --all --format 'container {{.Names}}')" &
echo "$(podman volume ls --format 'volume {{.Name}}')" &
echo "$(podman network ls --format 'network {{.Name}}')" &
wait
"""

_REMOVE: Final = {
    "pod": ("--force", "--time=0"),
    "container": ("--force", "--time=0", "--depend"),
    "volume": ("--force",),
    "network": ("--force", "--time=0"),
}
"""What there may be of a test, in the order in which it can go."""


def clear_host(host: Host, prefix: str) -> None:
    """Remove the pods, containers, volumes and networks whose names begin with a test's prefix."""
    lines = host.exec("sh", "-c", _LIST).stdout.splitlines()
    listed = [line.split() for line in lines if line]
    for kind, options in _REMOVE.items():
        mine = [name for found, name in listed if found == kind and name.startswith(prefix)]
        if mine:
            host.exec("podman", kind, "rm", *options, *mine)  # what is gone by now is no error


def _manifest(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _ended(status: Mapping[str, Any]) -> bool:
    return (
        condition(status, "Ready").get("status") == "True"
        or condition(status, "Stalled").get("status") == "True"
    )


def _explanation(status: Mapping[str, Any]) -> str:
    return json.dumps(status.get("diagnosis") or condition(status, "Ready"), indent=1)


@cache
def _client() -> client.ApiClient:
    return config.new_client_from_config(str(paths.KUBECONFIG))


def _core() -> client.CoreV1Api:
    return client.CoreV1Api(_client())


def _custom_objects() -> client.CustomObjectsApi:
    return client.CustomObjectsApi(_client())
