"""Rows of the failure catalogue, made to happen: Podman or the runtime refuses, before CRIU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from podman_checkpoint_operator.reconcilers.podman_port import RestoreOptions
from tests.e2e.failing import Failing, reproduces
from tests.e2e.support import Bench, Container, clear_host
from tests.lab import images
from tests.lab.hosts import NamespacedHost

pytestmark = pytest.mark.lab

PORT = "18451"
ADDRESS = "10.91.7.9"


@dataclass(frozen=True)
class Saved:
    """An archive of a container that needs much of its host, and which the host no longer has."""

    bench: Bench
    host: NamespacedHost
    content: bytes

    @property
    def name(self) -> str:
        return self.bench.name()

    def needs(self, *but: str) -> None:
        """Put what the container needs on the host."""
        if "network" not in but:
            command = ("podman", "network", "create", "--subnet=10.91.7.0/24", self.name)
            self.host.exec(*command, check=False)
        if "folder" not in but:
            self.host.exec("mkdir", "-p", f"/srv/{self.name}")


@pytest.fixture(scope="module")
def saved(lab: None) -> Iterator[Saved]:
    host, bench = NamespacedHost("host-a"), Bench()
    empty = Saved(bench, host, b"")
    empty.needs()
    container = bench.run(
        host,
        *("sh", "-c", "while :; do sleep 1; done"),
        options=(
            *("--network", bench.name(), "--ip", ADDRESS, "--publish", f"{PORT}:80"),
            *("--volume", f"{bench.name()}:/data", "--volume", f"/srv/{bench.name()}:/bound"),
        ),
    )
    archive = f"/var/tmp/{bench.prefix}.tar"
    host.exec(
        *("podman", "container", "checkpoint", "--compress=none", "--export", archive),
        container.name,
    )
    clear_host(host, bench.prefix)
    path = host.rootfs / archive.removeprefix("/")
    yield Saved(bench, host, path.read_bytes())
    path.unlink()
    clear_host(host, bench.prefix)


@contextmanager
def imported(failing: Failing, saved: Saved, *but: str) -> Iterator[None]:
    """Give the host what the archive needs, except for some, and clear up what it leaves."""
    saved.needs(*but)
    try:
        yield
    finally:
        clear_host(failing.host, saved.bench.prefix)
        failing.host.exec("rm", "-rf", f"/srv/{saved.name}")


def refused(failing: Failing, saved: Saved, *, ignore_volumes: bool = False) -> str:
    options = RestoreOptions(ignore_volumes=ignore_volumes)
    return failing.restore_archive(saved.content, options).remedy


@reproduces("container-not-found")
def test_container_not_found(failing: Failing) -> None:
    failing.checkpoint(Container(failing.host, "nosuch"))


@reproduces("checkpoint-not-found")
def test_checkpoint_not_found(failing: Failing) -> None:
    failing.restore(Container(failing.host, "nosuch"))


@reproduces("checkpoint-missing")
def test_checkpoint_missing(failing: Failing) -> None:
    container = failing.script(":")
    failing.host.exec("podman", "stop", "--time=0", container.name)
    failing.restore(container)


@reproduces("container-running")
def test_container_running(failing: Failing) -> None:
    failing.restore(failing.script(":"))


@reproduces("container-not-running")
@pytest.mark.parametrize("command", ["pause", "kill"])
def test_container_not_running(failing: Failing, command: str) -> None:
    container = failing.script(":")
    failing.host.exec("podman", command, container.name)
    failing.checkpoint(container)


@reproduces("removed-on-exit")
def test_removed_on_exit(failing: Failing) -> None:
    failing.checkpoint(failing.script(":", "--rm"))


@reproduces("criu-missing")
def test_criu_missing(failing: Failing) -> None:
    container = failing.script(":")
    with failing.moved_away("/usr/sbin/criu"):
        failing.checkpoint(container)


@reproduces("user-namespace")
def test_user_namespace(failing: Failing) -> None:
    container = failing.script(":", "--uidmap=0:100000:65536")
    failing.saved(container)
    failing.restore(container)


def archive_of_a_pod(failing: Failing) -> bytes:
    """Return the archive of a container of a pod; neither is there any more."""
    pod = failing.bench.name("pod")
    failing.host.exec("podman", "pod", "create", "--name", pod)
    container = failing.script(":", f"--pod={pod}")
    archive = f"/var/tmp/{failing.bench.prefix}.tar"
    failing.saved(container, "--compress=none", "--export", archive)
    path = failing.host.rootfs / archive.removeprefix("/")
    content = path.read_bytes()
    path.unlink()
    failing.host.exec("podman", "pod", "rm", "--force", "--time=0", pod)
    return content


@reproduces("pod-needed")
def test_pod_needed(failing: Failing) -> None:
    failing.restore_archive(archive_of_a_pod(failing), RestoreOptions())


@reproduces("pod-missing")
def test_pod_missing(failing: Failing) -> None:
    options = RestoreOptions(pod=failing.bench.name("nosuch"))
    failing.restore_archive(archive_of_a_pod(failing), options)


@reproduces("pod-mismatch")
def test_pod_mismatch(failing: Failing, saved: Saved) -> None:
    pod = saved.bench.name("pod")
    with imported(failing, saved):
        failing.host.exec("podman", "pod", "create", "--name", pod)
        failing.restore_archive(saved.content, RestoreOptions(pod=pod))


@reproduces("runtime-option")
@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_runtime_option(failing: Failing, runtime: str) -> None:
    """A runtime that is older than the option; here it is one that none has."""
    container = failing.script(":", runtime=runtime)
    failing.saved(container)
    program = failing.host.exec("which", runtime).stdout.strip()
    script = (
        '#!/bin/bash\nfor word; do shift; set -- "$@" "$word"\n'
        '[ "$word" = restore ] && set -- "$@" --no-such-option; done\n'
        f'exec {program}.away "$@"\n'
    )
    with failing.moved_away(program):
        failing.host.exec("sh", "-c", 'cat >"$0" && chmod 755 "$0"', program, stdin=script)
        assert "no-such-option" in failing.restore(container).remedy


@reproduces("name-in-use")
def test_name_in_use(failing: Failing, saved: Saved) -> None:
    with imported(failing, saved):
        saved.bench.run(failing.host, "sleep", "1000")
        assert saved.name in refused(failing, saved)


@reproduces("id-in-use")
def test_id_in_use(failing: Failing, saved: Saved) -> None:
    archive = f"/var/tmp/{saved.bench.prefix}.tar"
    with imported(failing, saved):
        failing.host.exec("podman", "container", "restore", "--import", archive)
        failing.host.exec("podman", "rename", saved.name, saved.bench.name("other"))
        refused(failing, saved, ignore_volumes=True)


@reproduces("port-in-use")
def test_port_in_use(failing: Failing, saved: Saved) -> None:
    with imported(failing, saved):
        options = ("--publish", f"{PORT}:80")
        saved.bench.run(failing.host, "sleep", "1000", options=options, suffix="other")
        assert PORT in refused(failing, saved)


@reproduces("address-in-use")
def test_address_in_use(failing: Failing, saved: Saved) -> None:
    with imported(failing, saved):
        options = ("--network", saved.name, "--ip", ADDRESS)
        saved.bench.run(failing.host, "sleep", "1000", options=options, suffix="other")
        assert ADDRESS in refused(failing, saved)


@reproduces("volume-in-use")
def test_volume_in_use(failing: Failing, saved: Saved) -> None:
    with imported(failing, saved):
        failing.host.exec("podman", "volume", "create", saved.name)
        assert saved.name in refused(failing, saved)


@reproduces("network-missing")
def test_network_missing(failing: Failing, saved: Saved) -> None:
    with imported(failing, saved, "network"):
        assert saved.name in refused(failing, saved)


@reproduces("mount-source-missing")
def test_mount_source_missing(failing: Failing, saved: Saved) -> None:
    with imported(failing, saved, "folder"):
        assert f"/srv/{saved.name}" in refused(failing, saved)


@reproduces("image-missing")
def test_image_missing(failing: Failing, saved: Saved) -> None:
    tag = images.image("busybox").tag
    with imported(failing, saved):
        failing.host.exec("podman", "rmi", "--force", tag)
        try:
            assert tag.rpartition(":")[0] in refused(failing, saved)
        finally:
            failing.host.load_image("busybox")


@reproduces("archive-truncated")
@pytest.mark.parametrize("kept", [0, 512, 100_000])
def test_archive_truncated(failing: Failing, saved: Saved, kept: int) -> None:
    failing.restore_archive(saved.content[:kept], RestoreOptions())


@reproduces("archive-corrupt")
def test_archive_corrupt(failing: Failing) -> None:
    failing.restore_archive(b"\x7fELF" * 10_000, RestoreOptions())
