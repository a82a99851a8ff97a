"""Checkpoints of a small container: what they leave on the host, and what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import archive_in_host, condition

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

MAGIC = {"zstd": "28b52ffd", "gzip": "1f8b"}


def test_in_place_and_back_after_a_reboot(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    identity = container.id

    saved = bench.checkpoint(container)
    status = saved.wait_ready()
    assert container.state == "exited"
    assert "archive" not in status
    assert condition(status, "Checkpointed")["status"] == "True"
    host_a.reboot(None)
    bench.restore(host_a, saved).wait_ready()

    container.require_counting_on(since=len(container.counts()))
    assert container.id == identity == status["container"]["id"]


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_live_archive_is_one_that_podman_itself_restores(
    bench: Bench, host_a: Host, host_b: Host, compression: str
) -> None:
    container = bench.count(host_a)
    started = container.started_at
    host_b.load_image("busybox")

    status = bench.checkpoint(
        container, leaveRunning=True, archive={"compression": compression}
    ).wait_ready()

    container.require_counting_on(since=len(container.counts()))
    assert container.started_at == started
    assert status["archive"]["compression"] == compression
    path = archive_in_host(status)
    digest = host_a.exec("sha256sum", path).stdout.split()[0]
    assert status["archive"]["digest"] == f"sha256:{digest}"
    mode, size = host_a.exec("stat", "--format=%a %s", path).stdout.split()
    assert mode == "600"
    assert int(size) == status["archive"]["sizeBytes"]
    beginning = host_a.exec("od", "-An", "-tx1", "-N4", path).stdout.replace(" ", "").strip()
    assert beginning.startswith(MAGIC.get(compression, ""))
    host_b.exec("podman", "container", "restore", "--import", path)
    container.on(host_b).require_counting_on(since=1)


def test_stopping_archive_leaves_the_state_on_the_host_as_well(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    container = bench.count(host_a)
    host_b.load_image("busybox")

    saved = bench.checkpoint(container, archive={})
    status = saved.wait_ready()
    assert container.state == "exited"
    for type_ in ("PreflightPassed", "Checkpointed", "ArchiveStored"):
        assert condition(status, type_)["status"] == "True"

    bench.restore(host_b, saved, "there").wait_ready()
    bench.restore(host_a, saved, "here").wait_ready()

    for host in (host_a, host_b):
        container.on(host).require_counting_on(since=1)


def test_what_was_saved_is_described(bench: Bench, host_a: Host) -> None:
    volume = bench.name("data")
    container = bench.count(
        host_a, f"--volume={volume}:/data", "--tmpfs=/scratch", "--volume=/srv:/srv"
    )

    status = bench.checkpoint(container, leaveRunning=True, archive={}).wait_ready()

    described = status["container"]
    assert described["name"] == container.name
    assert described["image"] == "localhost/lab/busybox:1"
    assert described["imageID"] == container.inspect("{{.Image}}")
    assert described["runtime"] == "runc"
    assert status["host"]["kernelVersion"] == host_a.exec("uname", "-r").stdout.strip()
    assert status["host"]["podmanVersion"] in host_a.exec("podman", "--version").stdout
    assert status["host"]["criuVersion"] in host_a.exec("criu", "--version").stdout
    assert status["host"]["architecture"] == "amd64"
    volumes = {each["destination"]: each for each in status["volumes"]}
    assert volumes["/data"]["included"] is True
    assert volumes["/srv"] == {
        "type": "bind",
        "source": "/srv",
        "destination": "/srv",
        "included": False,
        "reason": "spec.archive.bindMounts is Exclude",
    }
    statistics = status["statistics"]
    assert 0 < statistics["frozenMicroseconds"] <= statistics["pausedMicroseconds"]
    assert 0 < statistics["pagesWritten"] <= statistics["pagesScanned"]


def test_by_a_shortened_id(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)

    saved = bench.checkpoint(container, containerRef={"id": container.id[:12]})

    assert saved.wait_ready()["container"]["name"] == container.name
