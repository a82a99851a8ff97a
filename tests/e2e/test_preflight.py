"""Traps of a checkpoint, each found before the container is touched, with what cures it.

Each of these could be dumped and not brought back, or would lose something. Traps that are cured by
an option of the checkpoint, and those of full disks, are in test_failures_checkpoint.py.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import criu_replaced
from tests.e2e.test_failures_checkpoint import left_over
from tests.lab import images
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench, Container, Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

LISTEN: Final = """\
use IO::Socket::UNIX;
my $server = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die $!;
my @held;
while (my $client = $server->accept) { push @held, $client; print $client "welcome\\n" }
"""
CONNECT: Final = """\
use IO::Socket::UNIX;
my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!;
print scalar <$socket>;
$| = 1;
print "connected\\n";
sleep 1 while 1;
"""
"""Perl is in every Debian, and so in the image with PostgreSQL."""

FROZEN: Final = 'cat "/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/$0/cgroup)/cgroup.freeze"'


def checks(status: dict[str, Any]) -> dict[str, str]:
    """Return the result of each check that a status tells, by its name."""
    return {check["check"]: check["result"] for check in status["preflight"]}


@contextmanager
def untouched(container: Container) -> Iterator[None]:
    """See that after the block the same process runs, unfrozen, and nothing of us is left."""
    state = "{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}} {{.HostConfig.RestartPolicy}}"
    before = container.inspect(state)
    assert before.startswith("running")
    yield
    assert container.inspect(state) == before
    pid = container.inspect("{{.State.Pid}}")
    assert container.host.exec("sh", "-c", FROZEN, pid).stdout.strip() == "0"
    assert not left_over(container.host)


def refused(saved: Object, cause: str, *, check: str, evidence: str, remedy: str) -> dict[str, Any]:
    """See a checkpoint refused by a preflight check; return its status."""
    status = require_failed(saved, cause, evidence=evidence, remedy=remedy)
    assert checks(status)[check] == "Fail"
    (failed,) = [each for each in status["preflight"] if each["check"] == check]
    assert evidence in failed["message"]
    assert remedy in failed["message"]
    assert "Checkpointed" not in {condition["type"] for condition in status["conditions"]}
    return status


@pytest.mark.parametrize(
    ("options", "cause", "check", "evidence", "remedy"),
    [
        (
            ("--init", "--init-path=/usr/libexec/podman/catatonit"),
            "SymlinkedInit",
            "Init",
            "catatonit, a symbolic link",
            "Set init_path in containers.conf",
        ),
        (
            ("--uidmap=0:100000:5000",),
            "UserNamespace",
            "UserNamespace",
            "a user namespace of its own",
            "without --uidmap",
        ),
        (
            (f"--mount=type=image,source={images.image('busybox').tag},destination=/other",),
            "UnsupportedMount",
            "OverlayMounts",
            "/other",
            "without --mount type=image",
        ),
        (
            ("--volume=/srv:/other:O",),
            "UnsupportedMount",
            "OverlayMounts",
            "/other",
            "without :O on its volumes",
        ),
    ],
    ids=["init", "user-namespace", "image", "overlay"],
)
def test_how_the_container_was_made(
    bench: Bench,
    host_a: Host,
    options: tuple[str, ...],
    cause: str,
    check: str,
    evidence: str,
    remedy: str,
) -> None:
    container = bench.count(host_a, *options)
    with untouched(container):
        saved = bench.checkpoint(container)
        refused(saved, cause, check=check, evidence=evidence, remedy=remedy)


def test_an_init_program_that_is_no_link(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--init", "--init-path=/usr/bin/catatonit")
    status = bench.checkpoint(container).wait_ready()
    assert checks(status)["Init"] == "Pass"
    bench.restore(host_a, bench.object("ContainerCheckpoint", "saved")).wait_ready()


def perl(bench: Bench, host: Host, script: str, *arguments: str, suffix: str = "c") -> Container:
    """Start a container that runs a Perl script, and nothing else."""
    folder = f"/srv/{bench.prefix}"
    host.exec("mkdir", "-p", folder)
    return bench.run(
        host,
        *("-e", script, *arguments),
        options=("--user=root", "--entrypoint", "perl", "--volume", f"{folder}:{folder}"),
        image="postgres",
        suffix=suffix,
    )


def has_connected(container: Container) -> bool:
    return "connected" in container.host.exec("podman", "logs", container.name).stdout


def test_connection_to_a_process_of_the_host(bench: Bench, host_a: Host) -> None:
    """And one within the container, which is none of that kind."""
    path = f"/srv/{bench.prefix}/outside"
    host_a.load_image("postgres")
    host_a.exec("mkdir", "-p", f"/srv/{bench.prefix}")
    # Any process outside the container will do: here it is in another one.
    other = perl(bench, host_a, LISTEN, path, suffix="other")
    wait_until(lambda: not host_a.exec("test", "-S", path, check=False).returncode, "a socket")
    script = f"fork or do {{ @ARGV = '/tmp/own'; {LISTEN} }}; sleep 1; {CONNECT}"
    container = perl(bench, host_a, script, path)
    inside = perl(bench, host_a, script, "/tmp/own", suffix="inside")
    for each in (container, inside):
        wait_until(partial(has_connected, each), f"{each.name} to connect")
    with untouched(container):
        refused(
            bench.checkpoint(container),
            "ExternalUnixSocket",
            check="UnixSockets",
            evidence=f"{path}, held by process",
            remedy="run the container without the mount",
        )
    assert checks(bench.checkpoint(inside, "inside").wait_ready())["UnixSockets"] == "Pass"
    other.remove()


def test_connection_of_an_exec_session(bench: Bench, host_a: Host) -> None:
    container = perl(bench, host_a, LISTEN, "/tmp/own")
    session = ("podman", "exec", "--detach", container.name, "perl", "-e", CONNECT, "/tmp/own")
    socket = ("test", "-S", "/tmp/own")
    wait_until(lambda: not container.exec(*socket, check=False).returncode, "a socket")
    host_a.exec(*session)

    def pid() -> str:
        return host_a.exec("pgrep", "--full", "Peer =>", check=False).stdout.strip()

    wait_until(pid, "the session")
    with untouched(container):
        refused(
            bench.checkpoint(container, "connected"),
            "ExecSession",
            check="UnixSockets",
            evidence="/tmp/own, held by process",
            remedy="End the session",
        )
    host_a.exec("kill", pid())
    wait_until(lambda: not pid(), "the session to end")
    bench.checkpoint(container, "alone").wait_ready()


def test_criu_too_old_for_the_kernel(bench: Bench, host_a: Host) -> None:
    """Dumped by it, the container would be lost to `Can't get 1:16 opt`; so says its first line."""
    container = bench.run(host_a, "nc", "-l", "-p", "7777")
    with (
        untouched(container),
        criu_replaced(host_a, "#!/bin/sh\necho Version: 4.1.1\n"),
    ):
        refused(
            bench.checkpoint(container),
            "CRIUTooOld",
            check="CRIU",
            evidence="CRIU 4.1.1 on kernel",
            remedy="Install CRIU 4.2 or newer",
        )


CRUN: Final = "/usr/bin/crun"
WITHOUT_CRIU: Final = """\
#!/bin/sh
[ "$1" = --version ] && { echo crun version 1.21; echo +SYSTEMD +SELINUX; exit; }
exec /usr/bin/crun.away "$@"
"""
DROP_IN: Final = "/etc/containers/containers.conf.d/runtime.conf"


@contextmanager
def crun_without_criu(host: Host) -> Iterator[None]:
    """Have Podman run containers with a crun that says it was built without CRIU."""
    host.exec("mv", CRUN, f"{CRUN}.away")
    try:
        host.exec("sh", "-c", f"cat >{CRUN} && chmod 755 {CRUN}", stdin=WITHOUT_CRIU)
        host.exec("mkdir", "-p", DROP_IN.rpartition("/")[0])
        host.exec("sh", "-c", f"cat >{DROP_IN}", stdin='[engine]\nruntime="crun"\n')
        restart_podman(host)
        yield
    finally:
        host.exec("mv", f"{CRUN}.away", CRUN)
        host.exec("rm", "-f", DROP_IN)
        restart_podman(host)


def restart_podman(host: Host) -> None:
    """Have the Podman service read its configuration; the host starts it again by itself."""
    pid = host.exec("pgrep", "-f", "podman system service").stdout.split()[0]
    host.exec("kill", pid)
    answers = ("podman", "--remote", "version")

    def is_new() -> bool:
        found = host.exec("pgrep", "-f", "podman system service", check=False).stdout.split()
        return pid not in found and not host.exec(*answers, check=False).returncode

    wait_until(is_new, "Podman to be back")


def test_runtime_without_criu(bench: Bench, host_a: Host) -> None:
    with crun_without_criu(host_a):
        container = bench.count(host_a)
        with untouched(container):
            refused(
                bench.checkpoint(container),
                "RuntimeWithoutCRIU",
                check="Runtime",
                evidence="crun version 1.21 was built without CRIU",
                remedy="Install a crun with +CRIU",
            )
        container.remove()


def test_health_check_and_sessions_are_warned_of(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--health-cmd=true", "--health-interval=disable")
    host_a.exec("podman", "exec", "--detach", container.name, "sleep", "1000")
    status = bench.checkpoint(container).wait_ready()
    found = checks(status)
    assert (found["HealthCheck"], found["ExecSessions"]) == ("Warn", "Warn")
    assert {name for name, result in found.items() if result == "Fail"} == set()


def test_others_that_write_to_what_is_archived(bench: Bench, host_a: Host) -> None:
    """They are named beforehand, and what they do to a file that is being copied is noticed."""
    mount = f"--volume={bench.name('data')}:/data"
    container = bench.count(host_a, mount)
    rewrite = "while :; do dd if=/dev/zero of=/data/big bs=64k count=1000 conv=notrunc; done"
    writer = bench.run(host_a, "sh", "-c", rewrite, options=(mount,), suffix="writer")
    reader = bench.run(host_a, "sleep", "1000", options=(f"{mount}:ro",), suffix="reader")
    made = partial(reader.exec, "test", "-s", "/data/big", check=False)
    wait_until(lambda: made().returncode == 0, "the file")

    saved = bench.checkpoint(container, archive={"compression": "none"})
    status = require_failed(
        saved, "SourceChanged", evidence="/big", remedy="spec.source.containerRef"
    )
    assert checks(status)["SharedMounts"] == "Warn"
    (told,) = (each for each in status["preflight"] if each["check"] == "SharedMounts")
    assert writer.name in told["message"]
    assert reader.name not in told["message"]

    bench.restore(host_a, {"containerRef": {"name": container.name}}).wait_ready()
    host_a.exec("podman", "pause", writer.name)
    status = bench.checkpoint(container, "paused", archive={}).wait_ready()
    assert checks(status)["SharedMounts"] == "Pass"
