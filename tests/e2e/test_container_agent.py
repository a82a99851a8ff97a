"""The agent in a container: the image, and the mounts and rights of the Quadlet and of the Pod.

Not here: that systemd starts and stops the one (docs/install.md), and a cluster the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.support import Container, clear_host
from tests.e2e.test_hosts import wait_ready
from tests.lab import agent_image, container_agents
from tests.lab.container_agents import PodAgent, QuadletAgent
from tests.lab.hosts import NamespacedHost
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


@pytest.fixture(params=[QuadletAgent, PodAgent])
def host(bench: Bench, request: pytest.FixtureRequest) -> Iterator[NamespacedHost]:
    """A host whose agent runs in a container."""
    host = NamespacedHost("host-a")
    agent: QuadletAgent | PodAgent = request.param(host)
    host.agent_kill()
    # As systemd does it: a container is shown what is mounted after its start.
    host.exec("mount", "--make-rshared", "/")
    agent.start()
    wait_until(lambda: "agent started" in logs(host, agent.container), "the agent")
    yield host
    agent.stop()
    # While mounts are shared, each network namespace may be mounted twice, and go twice.
    clear_host(host, bench.prefix)
    host.exec("mount", "--make-rprivate", "/")


def logs(host: Host, container: str) -> str:
    """Return what a container has said."""
    done = host.exec("podman", "logs", container, check=False)
    return done.stdout + done.stderr


def test_its_mounts_and_rights_are_enough(bench: Bench, host: NamespacedHost) -> None:
    # Held still, it could not let itself go on.
    (own,) = host.exec("podman", "ps", "--filter=name=agent$", "--format={{.Names}}").stdout.split()
    itself = bench.checkpoint(Container(host, own), "itself", leaveRunning=True, archive={})
    evidence = itself.wait_failed("InvalidSpec")["diagnosis"]["evidence"]
    assert "runs in this container" in evidence

    options = ("--volume=/data", "--publish=480:80")
    container = bench.run(host, image="ghostwriter", options=options)
    wait_until(lambda: "deleted" in logs(host, container.name), "the ghost file to be deleted")

    memory = f"/proc/{container.inspect('{{.State.Pid}}')}/root/dev/shm/file"
    host.exec("touch", "--date=@1500000000.123456789", memory)

    # Frozen, with the host's ghost limit raised, and captured.
    live = bench.checkpoint(container, "live", leaveRunning=True, archive={})
    assert live.wait_ready()["ghostLimit"]["configFile"] == "/etc/criu/runc.conf"
    assert "ghost-limit" in host.exec("cat", "/etc/criu/runc.conf").stdout
    # What listens on the host is seen from a network of one's own.
    name = bench.name("copy")
    copy = {"name": name, "ignoreVolumes": True}
    bench.restore(host, live, "refused", **copy, publishPorts=["480:80"]).wait_failed("PortInUse")
    # From the archive, beside the original.
    restored = bench.restore(host, live, "copy", **copy, publishPorts=["481:80"]).wait_ready()
    assert restored["container"]["name"] == name
    # Which Podman's own tar would have rounded: it was captured where it is mounted.
    pid = host.exec("podman", "inspect", "--format={{.State.Pid}}", name).stdout.strip()
    shown = host.exec("stat", "--format=%.9Y", f"/proc/{pid}/root/dev/shm/file")
    assert shown.stdout.strip() == "1500000000.123456789"
    # In place.
    saved = bench.checkpoint(container)
    saved.wait_ready()
    before = len(logs(host, container.name).splitlines())
    bench.restore(host, saved).wait_ready()
    wait_until(
        lambda: len(logs(host, container.name).splitlines()) > before, "the container to go on"
    )


COMPILED: Final = """\
from importlib.machinery import SourceFileLoader
compiled = []
SourceFileLoader.source_to_code = lambda self, _, path, **__: compiled.append(path) or compile(
    self.get_source(self.name), path, "exec"
)
import podman_checkpoint_operator.agent.run
print(*compiled, sep="\\n")
"""
"""What an agent's start would have to compile."""


def test_its_image_is_compiled(lab: None) -> None:
    """Else most modules would be at each start: a layer keeps no fractions of a file's second."""
    host = NamespacedHost("host-a")
    agent_image.build(host)
    run = ("podman", "run", "--rm", agent_image.IMAGE, "python3", "-c", COMPILED)
    assert not host.exec(*run).stdout.strip()


def start_without(host: NamespacedHost, *what: str, instead: tuple[str, ...] = ()) -> str:
    """Start the Quadlet's agent in the foreground, without some of its options: what it says."""
    *_, start = container_agents.commands(host)
    assert set(what) <= {*start}
    pairs = list(zip(start, [*start[1:], ""], strict=True))
    started = ("-d", "--replace", "--cidfile", "--name", container_agents.CONTAINER, "--cgroups")
    words = [
        word
        for word, after in pairs
        if word not in what
        and not (word == "-v" and after in what)
        and not word.startswith(started)
    ]
    done = host.exec(*words[:-1], *instead, words[-1], check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


ROOT = "/:/host:ro,rslave"
STATE = "/var/lib/podman-checkpoint:/host/var/lib/podman-checkpoint:rslave"


@pytest.mark.parametrize("host", [QuadletAgent], indirect=True)
def test_it_says_what_its_container_lacks(host: NamespacedHost) -> None:
    """Without them, it would act on the wrong processes, or forget what it has begun."""
    assert "--pid=host" in start_without(host, "--pid=host")
    assert "Mount the host's / at --host-root" in start_without(host, ROOT)
    assert "/host/var/lib/podman-checkpoint" in start_without(host, STATE)
    elsewhere = "--tmpfs=/host/var/lib/podman-checkpoint"
    said = start_without(host, STATE, instead=(elsewhere,))
    assert "does not see the host's /var/lib/podman-checkpoint" in said
    bare = "type=bind,src=/,dst=/host,ro,bind-nonrecursive=true,bind-propagation=rslave"
    said = start_without(host, ROOT, instead=(f"--mount={bare}",))
    assert "does not see the host's /run, where Podman's socket is" in said
    assert "with what is mounted below it" in said


@pytest.mark.parametrize("host", [QuadletAgent], indirect=True)
def test_a_mount_that_stands_still_refuses_what_would_miss_something(
    bench: Bench, host: NamespacedHost
) -> None:
    """A volume that is mounted when its container starts would be saved without its content."""
    container = bench.count(host)
    agent = QuadletAgent(host)
    agent.stop()
    agent.start(lambda word: word.replace("rslave", "rprivate"))

    wait_ready(host.name, "False", "PermissionDenied")
    require_failed(
        bench.checkpoint(container),
        "PermissionDenied",
        evidence="does not see what the host mounts from now on below /var/lib/containers/storage",
        remedy="HostToContainer",
    )
    assert container.state == "running"
