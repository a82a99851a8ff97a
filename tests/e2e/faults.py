"""Agents that are killed at a point of their work, and what must hold then and afterwards."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.e2e.support import Object, archive_in_host
from tests.lab import agent_process, fault, paths
from tests.lab.agents import FAULT_VARIABLE
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

STATE: Final = "/var/lib/podman-checkpoint/state/operations"
STAGES: Final = "/var/lib/containers/storage/podman-checkpoint"

CRIU: Final = "/usr/sbin/criu"
PODMAN: Final = "/usr/bin/podman"

LEFT_OVERS: Final = f"""\
ls {STATE} {STAGES} 2>/dev/null | grep -v -e : -e '^$'
find /sys/fs/cgroup -path '*/podman-checkpoint-guard-*/cgroup.events' \\
	-exec grep -l 'populated 0' {{}} +
podman ps --all --filter status=created --format '{{{{.Names}}}}'
podman ps --all --format '{{{{.Names}}}}' | grep -e -replaced-
true
"""


def kill_at(point: str, host: Host) -> None:
    """Start the host's agent so that it is killed at a point.

    Raises:
        AttributeError, ValueError: there is no such point; the agent would die, but not there.
    """
    fault.require(point)
    host.agent_start({FAULT_VARIABLE: point})


def wait_for_death(host: Host) -> None:
    wait_until(lambda: not host.agent_running(), "the agent to be killed", timeout=120)


def counts(container: Container) -> list[int]:
    """Read the counter from outside: a command in a frozen container would hang."""
    pid = container.inspect("{{.State.Pid}}")
    text = container.host.exec("cat", f"/proc/{pid}/root/counts").stdout
    return [int(line) for line in text.split()]


def require_unfrozen(container: Container) -> None:
    """See the container's processes go on, and no number missing or twice."""
    since = len(counts(container))
    wait_until(lambda: len(counts(container)) > since + 1, f"{container.name} to go on")
    seen = counts(container)
    assert seen == list(range(len(seen)))


def state_on_host(container: Container) -> bool:
    """Whether the container's bundle has a complete state, by CRIU's own word."""
    bundle = container.inspect("{{.StaticDir}}")
    script = (
        'test -e "$0/checkpoint/inventory.img" && grep -q "finished successfully" "$0/dump.log"'
    )
    return container.host.exec("sh", "-c", script, bundle, check=False).returncode == 0


def require_kept(container: Container) -> None:
    """See that the container runs, or can be restored from this host."""
    if container.state == "running":
        require_unfrozen(container)
    else:
        assert state_on_host(container)


def require_nothing_left(*hosts: Host) -> None:
    """See that no operation has left anything on the hosts."""
    for host in hosts:
        # The journal's entry goes after the status. A guard that is at work ends by itself.
        wait_until(partial(_is_clean, host), f"{host.name} to be clean", timeout=30)


def _is_clean(host: Host) -> bool:
    return not host.exec("sh", "-c", LEFT_OVERS).stdout


def archives(bench: Bench) -> list[str]:
    """Names of everything in the store that is of this test, hidden files included."""
    folder = paths.ARCHIVES / bench.prefix
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def require_one_archive(bench: Bench, saved: Object) -> None:
    """See that the store has the archive of a checkpoint, as its status tells, and nothing else."""
    status = saved.status
    (name,) = archives(bench)
    assert archive_in_host(status).endswith(f"/{name}")
    content = (paths.ARCHIVES / bench.prefix / name).read_bytes()
    assert status["archive"]["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


def kill_at_each(
    points: tuple[str, ...], host: Host, apply: Callable[[], Object], kept: Callable[[], None]
) -> Object:
    """Kill the agent at one point of an operation after the other, and let it end then.

    Args:
        points: in the order in which the operation comes to them.
        host: whose agent is killed.
        apply: begins the operation.
        kept: sees, after each kill, that nothing is lost.
    """
    applied = None
    for point in points:
        print(f"killed {point}")
        kill_at(point, host)
        applied = applied or apply()
        wait_for_death(host)
        kept()
    host.agent_start()
    assert applied is not None
    applied.wait_ready()
    return applied


def wait_for_stop(host: Host) -> None:
    """Wait until the agent's process is stopped, neither dead nor at work."""
    stopped = partial(host.exec, "sh", "-c", f'ps -o stat= -p "$(cat {agent_process.PID_FILE})"')
    wait_until(lambda: stopped().stdout.startswith("T"), "the agent to be stopped", timeout=120)


def let_go_on(host: Host) -> None:
    """Let an agent go on that was stopped."""
    host.exec("sh", "-c", f'kill -CONT "$(cat {agent_process.PID_FILE})"')


@contextmanager
def podman_away(host: Host) -> Iterator[None]:
    """Keep a Podman service that is killed from being started again."""
    host.exec("mv", PODMAN, f"{PODMAN}.away")
    try:
        yield
    finally:
        host.exec("mv", f"{PODMAN}.away", PODMAN)


@contextmanager
def criu_replaced(host: Host, script: str) -> Iterator[None]:
    """Put a script in the place of the host's CRIU, or nothing at all."""
    host.exec("mv", CRIU, f"{CRIU}.away")
    try:
        if script:
            host.exec("sh", "-c", 'cat >"$0" && chmod 755 "$0"', CRIU, stdin=script)
        yield
    finally:
        host.exec("mv", f"{CRIU}.away", CRIU)
