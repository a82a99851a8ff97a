"""Checkpoints that cannot succeed: each says why and what to do, and the container goes on.

Where it takes no time, the remedy is applied, and must work.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.explained import require_described, require_failed
from tests.e2e.faults import criu_replaced
from tests.e2e.support import CONNECTED, Bench, Container, condition, forget_ghost_limit
from tests.lab import paths
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

STAGES = "/var/lib/containers/storage/podman-checkpoint"


def require_untouched(container: Container, since: str) -> None:
    """See that a container that was started at ``since`` still runs, and nothing is left of us."""
    assert (container.state, container.started_at) == ("running", since)
    assert not left_over(container.host)


def left_over(host: Host) -> str:
    """Return what checkpoints have left in the stage and in the archive directory of a host."""
    stages = host.exec("find", STAGES, "-mindepth", "1", check=False).stdout
    partial = host.exec("find", str(paths.ARCHIVES_IN_HOST), "-name", ".*", "-type", "f").stdout
    return stages + partial


def test_container_not_found(bench: Bench, host_a: Host) -> None:
    saved = bench.checkpoint(Container(host_a, bench.name("absent")))
    require_failed(
        saved, "ContainerNotFound", evidence=bench.name("absent"), remedy="spec.containerRef"
    )
    require_described(saved, "ContainerNotFound", "spec.containerRef", "Warning")


def test_odd_names_are_data(bench: Bench, host_a: Host) -> None:
    names = ("a_b", "0.1", "json", "x" * 200)
    odd = [
        bench.checkpoint(Container(host_a, name), f"odd-{number}")
        for number, name in enumerate(names)
    ]
    for saved, name in zip(odd, names, strict=True):
        require_failed(saved, "ContainerNotFound", evidence=name, remedy="spec.containerRef")


def test_not_running_and_paused(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    host_a.exec("podman", "pause", container.name)
    saved = bench.checkpoint(container, "paused")
    require_failed(saved, "ContainerNotRunning", evidence="paused", remedy="unpause")
    assert container.state == "paused"

    host_a.exec("podman", "unpause", container.name)
    host_a.exec("podman", "kill", container.name)
    host_a.exec("podman", "wait", container.name)
    saved = bench.checkpoint(container, "exited")
    require_failed(saved, "ContainerNotRunning", evidence="exited", remedy="start it")

    host_a.exec("podman", "start", container.name)
    bench.checkpoint(container, "running").wait_ready()


def test_removed_on_exit(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    volume = bench.name("data")
    container = bench.count(host_a, "--rm", f"--volume={volume}:/data")
    container.exec("sh", "-c", "echo kept >/data/file")
    since = container.started_at
    stopping: dict[str, dict[str, Any]] = {"in-place": {}, "archive": {"archive": {}}}
    for name, spec in stopping.items():
        require_failed(
            bench.checkpoint(container, name, **spec),
            "RemovedOnExit",
            evidence="started with --rm",
            remedy="Set spec.leaveRunning: true and spec.archive",
        )
    require_untouched(container, since)

    saved = bench.checkpoint(container, "live", leaveRunning=True, archive={})
    status = saved.wait_ready()
    (warning,) = (each for each in status["preflight"] if each["check"] == "RemovedOnExit")
    assert warning["result"] == "Warn"
    assert status["statistics"]["pagesWritten"] > 0
    require_untouched(container, since)
    assert not host_a.exec("sh", "-c", "ls -d /var/tmp/checkpoint*", check=False).stdout
    bench.restore(host_b, saved).wait_ready()
    there = container.on(host_b)
    there.require_counting_on(since=1)
    assert there.read("/data/file") == "kept\n"
    host_b.exec("podman", "stop", "--time=0", there.name)
    wait_until(lambda: not there.exists(), "Podman to remove it")


def test_ghost_file_beyond_max(bench: Bench, host_a: Host) -> None:
    forget_ghost_limit(host_a)
    container = bench.run(host_a, image="ghostwriter")
    since = container.started_at
    wait_until(lambda: "deleted" in host_a.exec("podman", "logs", container.name).stdout, "a ghost")
    refused = bench.checkpoint(container, "small", ghostLimit={"max": "2Mi"})
    status = require_failed(
        refused,
        "GhostFileTooLarge",
        evidence="has 20975616 bytes",
        remedy="spec.ghostLimit.max: 64Mi",
    )
    assert status["ghostLimit"]["predictedBytes"] == 20975616
    require_untouched(container, since)
    fixed = bench.checkpoint(container, "fixed", ghostLimit={"policy": "Fixed", "limit": "2Mi"})
    require_failed(fixed, "GhostFileTooLarge", remedy="spec.ghostLimit.limit: 20975616")
    require_untouched(container, since)

    status = bench.checkpoint(container, "enough", ghostLimit={"max": "64Mi"}).wait_ready()
    assert status["ghostLimit"]["attempts"] == []


def test_established_tcp(bench: Bench, host_a: Host) -> None:
    container = bench.run(host_a, "sh", "-c", CONNECTED)
    wait_until(lambda: container.connections() == 2, "a connection")
    since = container.started_at
    refused = bench.checkpoint(container, "without")
    require_failed(
        refused,
        "TCPEstablished",
        evidence="127.0.0.1:7777",
        remedy="Set spec.tcpEstablished: true in the checkpoint and in the restore",
    )
    require_untouched(container, since)

    saved = bench.checkpoint(container, "with", tcpEstablished=True)
    saved.wait_ready()
    # The restore needs the option as well.
    require_failed(
        bench.restore(host_a, saved, "without"),
        "TCPEstablished",
        evidence="established TCP connections",
        remedy="spec.tcpEstablished: true",
    )
    closing = bench.restore(host_a, saved, "closing", tcpClose=True)
    require_failed(
        closing, "UnsupportedOption", evidence="crun 1.23", remedy="spec.tcpClose: false"
    )
    bench.restore(host_a, saved, "with", tcpEstablished=True).wait_ready()
    assert container.connections() == 2


@pytest.mark.parametrize("inherited", [True, False], ids=["inherited", "own"])
def test_file_locks(bench: Bench, host_a: Host, inherited: bool) -> None:
    script = "exec 9>/tmp/lock; flock 9; sleep 1000" if inherited else "flock /tmp/lock sleep 1000"
    options = ("--entrypoint", "sh")
    container = bench.run(host_a, "-c", script, options=options, image="postgres")

    def locked() -> bool:
        return container.exec("flock", "-n", "/tmp/lock", "true", check=False).returncode == 1

    wait_until(locked, "the lock")
    since = container.started_at
    require_failed(
        bench.checkpoint(container, "without"),
        "FileLocks",
        evidence="/tmp/lock: FLOCK",
        remedy="Set spec.fileLocks: true in the checkpoint and in the restore",
    )
    require_untouched(container, since)
    if inherited:
        # Here, the host is a PID namespace, in which CRIU cannot see a lock whose owner is gone.
        return

    saved = bench.checkpoint(container, "with", fileLocks=True)
    saved.wait_ready()
    # CRIU itself would restore it without the lock, and say nothing.
    require_failed(
        bench.restore(host_a, saved, "without"), "FileLocks", remedy="Set spec.fileLocks: true"
    )
    bench.restore(host_a, saved, "with", fileLocks=True).wait_ready()
    assert locked()


@contextmanager
def podman_out_of_reach(host: Host) -> Iterator[None]:
    """Hide the socket of the Podman service, as if it was not there."""
    host.exec("mount", "-t", "tmpfs", "tmpfs", "/run/podman")
    try:
        yield
    finally:
        host.exec("umount", "/run/podman")


def test_podman_out_of_reach(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    with podman_out_of_reach(host_a):
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        hopeless = bench.checkpoint(container, "hopeless", timeoutSeconds=1)
        status = saved.wait_for(
            lambda status: condition(status, "Ready").get("reason") == "WaitingForPodman",
            "waiting for Podman",
        )
        assert condition(status, "Reconciling")["status"] == "True"
        assert status["diagnosis"]["cause"] == "PodmanUnreachable"
        assert "podman.sock" in status["diagnosis"]["evidence"]
        assert "systemctl enable --now podman.socket" in status["diagnosis"]["remedy"]
        require_failed(
            hopeless, "PodmanUnreachable", evidence="podman.sock", remedy="podman.socket"
        )
    assert "diagnosis" not in saved.wait_ready()
    container.require_counting_on(since=0)


def test_no_criu(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    since = container.started_at
    with criu_replaced(host_a, ""):
        require_failed(
            bench.checkpoint(container, "without"),
            "RuntimeWithoutCRIU",
            evidence="CRIU is not installed",
            remedy="Install criu 4.2",
        )
    require_untouched(container, since)
    bench.checkpoint(container, "with").wait_ready()


def test_old_criu_is_warned_of(bench: Bench, host_a: Host) -> None:
    if _kernel() < (6, 16):
        pytest.skip("this kernel still has what CRIU before 4.2 asks for")
    container = bench.count(host_a)
    since = container.started_at
    with criu_replaced(host_a, "#!/bin/sh\necho Version: 4.1.1\n"):
        status = require_failed(
            bench.checkpoint(container), "RuntimeWithoutCRIU", remedy="criu check"
        )
    (check,) = [check for check in status["preflight"] if check["check"] == "CRIU"]
    assert check["result"] == "Warn"
    assert "Install CRIU 4.2 or newer" in check["message"]
    assert "but see CRIU in status.preflight" in condition(status, "PreflightPassed")["message"]
    require_untouched(container, since)


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split(".")[:2])


def test_no_space_for_the_state(bench: Bench, host_a: Host) -> None:
    # Reserved, not written. CRIU would write the same again into its images.
    disk = os.statvfs(paths.HOSTS)
    most = disk.f_bavail * disk.f_frsize * 11 // 20
    script = f"exec 3>/large; fallocate -l {most} /large; rm /large; touch /ready; sleep 1000"
    container = bench.run(host_a, "sh", "-c", script)
    wait_until(lambda: container.exec("ls", "/ready", check=False).returncode == 0, "the file")
    since = container.started_at
    require_failed(
        bench.checkpoint(container, ghostLimit={"max": "20Ti"}),
        "NoSpace",
        evidence="/var/lib/containers/storage",
        remedy="Free ",
    )
    require_untouched(container, since)


@pytest.mark.parametrize(
    ("options", "cause", "evidence", "remedy"),
    [
        ("size=1M", "NoSpace", "not enough space for the archive", "Free "),
        ("ro", "StoreUnavailable", "is not writable", "PODMAN_CHECKPOINT_ARCHIVE_DIR"),
        ("", "StoreUnavailable", "does not exist", "PODMAN_CHECKPOINT_ARCHIVE_DIR"),
    ],
    ids=["full", "read-only", "missing"],
)
def test_archive_directory(
    bench: Bench, host_a: Host, options: str, cause: str, evidence: str, remedy: str
) -> None:
    container = bench.count(host_a)
    since = container.started_at
    folder = f"/mnt/{bench.prefix}"
    if options:
        host_a.exec("mkdir", folder)
        host_a.exec("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder)
    try:
        host_a.agent_start({"PODMAN_CHECKPOINT_ARCHIVE_DIR": folder})
        saved = bench.checkpoint(container, leaveRunning=True, archive={})
        require_failed(saved, cause, evidence=evidence, remedy=remedy)
    finally:
        if options:
            host_a.exec("umount", folder)
    require_untouched(container, since)


def test_unknown_option_in_crius_configuration(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    since = container.started_at
    host_a.exec("cp", "-p", "/etc/criu/runc.conf", "/etc/criu/runc.conf.away")
    try:
        host_a.exec("sh", "-c", "echo no-such-option >>/etc/criu/runc.conf")
        require_failed(
            bench.checkpoint(container, "bad"),
            "CRIUConfigInvalid",
            evidence="dump.log holds no error line",
            remedy="Check /etc/criu/*.conf on the host",
        )
    finally:
        host_a.exec("mv", "/etc/criu/runc.conf.away", "/etc/criu/runc.conf")
    require_untouched(container, since)
    bench.checkpoint(container, "good").wait_ready()
