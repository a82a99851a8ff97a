"""Restores that cannot succeed: each says why and what to do, and leaves its host as it was.

Where it takes no time, the remedy is applied, and must work.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.explained import require_described, require_failed
from tests.e2e.support import (
    Bench,
    Container,
    Object,
    archive_in_host,
    archive_on_machine,
    condition,
    podman_version,
    what_is_there,
)
from tests.lab import images, paths
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

OTHER_DIGEST = "sha256:" + "0" * 64
BUSYBOX = images.image("busybox").tag


def archived(bench: Bench, container: Container, **spec: Any) -> dict[str, Any]:
    """Checkpoint a container to an archive and remove it; return the checkpoint's status."""
    status = bench.checkpoint(container, "archived", archive={}, **spec).wait_ready()
    container.remove()
    return status


def source(status: dict[str, Any]) -> dict[str, Any]:
    """Return ``spec.source`` that names an archive itself."""
    return {"archive": {key: status["archive"][key] for key in ("uri", "digest")}}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ("damage", "cause", "remedy"),
    [
        (flip, "ArchiveDigestMismatch", "Restore from another checkpoint"),
        (cut, "ArchiveTruncated", "Restore from another checkpoint"),
    ],
    ids=["flipped", "truncated"],
)
def test_damaged_archive(
    bench: Bench,
    host_a: Host,
    host_b: Host,
    damage: Callable[[Path], None],
    cause: str,
    remedy: str,
) -> None:
    host_b.load_image("busybox")
    status = archived(bench, bench.count(host_a))
    whole = archive_on_machine(status).read_bytes()
    before = what_is_there(host_b)
    damage(archive_on_machine(status))
    saved = bench.object("ContainerCheckpoint", "archived")
    require_failed(bench.restore(host_b, saved, "damaged"), cause, remedy=remedy)
    assert what_is_there(host_b) == before

    archive_on_machine(status).write_bytes(whole)
    bench.restore(host_b, saved, "good").wait_ready()


def test_archive_that_is_not_there_or_not_ours(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    status = archived(bench, bench.count(host_a))
    before = what_is_there(host_b)
    uri, digest = status["archive"]["uri"], status["archive"]["digest"]

    def restore(name: str, uri: str, digest: str = digest) -> Object:
        return bench.restore(host_b, {"archive": {"uri": uri, "digest": digest}}, name)

    require_failed(
        restore("digest", uri, OTHER_DIGEST),
        "ArchiveDigestMismatch",
        evidence=digest,
        remedy="Restore from another checkpoint",
    )
    absent = uri.replace("archived", "absent")
    require_failed(
        restore("absent", absent), "ArchiveMissing", evidence=absent, remedy="put the archive back"
    )
    for name, path in {
        "outside": "/etc/passwd",
        "above": f"{paths.ARCHIVES_IN_HOST}/../../../../etc/passwd",
    }.items():
        require_failed(
            restore(name, f"file://{path}"),
            "ArchiveOutsideStore",
            evidence=path,
            remedy="below the store's directory",
        )
    link = archive_on_machine(status).with_name("link.tar.zst")
    link.symlink_to(archive_on_machine(status).name)
    try:
        require_failed(
            restore("link", f"{uri.rpartition('/')[0]}/{link.name}"),
            "ArchiveOutsideStore",
            evidence=link.name,
            remedy="below the store's directory",
        )
    finally:
        link.unlink()
    assert what_is_there(host_b) == before


REPACK = """\
set -e
cd "$(mktemp -d)"
zstd -dc "$0" | tar x
dd if=/dev/zero of="$2" bs=4096 count="$3" conv=notrunc status=none
tar c * | zstd -q >"$1"
sha256sum "$1" | cut -d ' ' -f 1
rm -r "$PWD"
"""


@pytest.mark.parametrize(
    ("damaged", "pages", "cause", "remedy"),
    [
        ("checkpoint/inventory.img", "1", "ImageVersion", "Use the CRIU version"),
        ("checkpoint/pages-1.img", "8", "DiedAfterRestore", "podman logs"),
        # The vDSO is among them, which CRIU itself reads.
        ("checkpoint/pages-1.img", "20", "Unknown", "Search the issues of CRIU"),
    ],
    ids=["inventory", "data", "unknown"],
)
def test_damage_under_a_digest_of_its_own(
    bench: Bench, host_a: Host, host_b: Host, damaged: str, pages: str, cause: str, remedy: str
) -> None:
    """Somebody has packed it anew, so that only CRIU or the processes themselves can tell."""
    host_b.load_image("busybox")
    whole = archive_in_host(archived(bench, bench.count(host_a)))
    before = what_is_there(host_b)
    other = whole.replace("archived", "repacked")
    digest = host_b.exec("bash", "-c", REPACK, whole, other, damaged, pages).stdout.strip()
    archive = {"uri": f"file://{other}", "digest": f"sha256:{digest}"}
    require_failed(bench.restore(host_b, {"archive": archive}), cause, remedy=remedy)
    assert what_is_there(host_b) == before


def test_name_in_use(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    container = bench.count(host_a)
    archived(bench, container)
    other = bench.run(host_b, "sleep", "1000")
    saved = bench.object("ContainerCheckpoint", "archived")
    since = other.started_at
    require_failed(
        bench.restore(host_b, saved, "taken"),
        "NameInUse",
        evidence=container.name,
        remedy="Set spec.name",
    )
    assert (other.state, other.started_at) == ("running", since)

    bench.restore(host_b, saved, "clone", name=bench.name("clone")).wait_ready()


def test_id_in_use(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    since = container.started_at
    require_failed(
        bench.restore(host_a, saved, "taken"),
        "IDInUse",
        evidence=container.name,
        remedy="Set spec.name",
    )
    assert (container.state, container.started_at) == ("running", since)
    status = bench.restore(host_a, saved, "adopt", existingContainer="Adopt").wait_ready()
    assert condition(status, "Ready")["reason"] == "Adopted"


def test_port_in_use(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    container = bench.count(host_a, "--publish", "18431:80")
    archived(bench, container)
    other = bench.run(host_b, "sleep", "1000", options=("--publish", "18431:80"), suffix="other")
    saved = bench.object("ContainerCheckpoint", "archived")
    before = what_is_there(host_b)
    require_failed(
        bench.restore(host_b, saved, "taken"),
        "PortInUse",
        evidence="18431/tcp",
        remedy="Set spec.publishPorts",
    )
    assert what_is_there(host_b) == before
    bench.restore(host_b, saved, "moved", publishPorts=["18432:80"]).wait_ready()
    container.on(host_b).remove()
    other.remove()


def test_volume_in_use(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    volume = bench.name("data")
    container = bench.count(host_a, "--volume", f"{volume}:/data")
    archived(bench, container)
    host_b.exec("podman", "volume", "create", volume)
    saved = bench.object("ContainerCheckpoint", "archived")
    before = what_is_there(host_b)
    require_failed(
        bench.restore(host_b, saved, "taken"),
        "VolumeInUse",
        evidence=volume,
        remedy="Set spec.ignoreVolumes: true",
    )
    assert what_is_there(host_b) == before
    bench.restore(host_b, saved, "kept", ignoreVolumes=True).wait_ready()


def test_image_missing(bench: Bench, host_a: Host, host_b: Host) -> None:
    archived(bench, bench.count(host_a))
    host_b.exec("podman", "rmi", "--force", BUSYBOX, check=False)
    saved = bench.object("ContainerCheckpoint", "archived")
    before = what_is_there(host_b)
    failed = bench.restore(host_b, saved, "missing")
    require_failed(failed, "ImageMissing", evidence=BUSYBOX, remedy="Pull or load exactly")
    require_described(failed, BUSYBOX, "Pull or load exactly")
    assert what_is_there(host_b) == before

    # Something else has the image's name.
    host_b.load_image("ghostwriter")
    host_b.exec("podman", "tag", images.image("ghostwriter").tag, BUSYBOX)
    failed = bench.restore(host_b, saved, "other")
    require_failed(failed, "ImageMissing", evidence=BUSYBOX, remedy="")
    host_b.exec("podman", "untag", BUSYBOX, BUSYBOX, check=False)
    host_b.load_image("busybox")
    bench.restore(host_b, saved, "good").wait_ready()


def test_image_under_another_name(bench: Bench, host_a: Host, host_b: Host) -> None:
    archived(bench, bench.count(host_a))
    host_b.load_image("busybox")
    host_b.load_image("ghostwriter")
    tag = f"localhost/{bench.prefix}:1"
    host_b.exec("podman", "tag", BUSYBOX, tag)
    host_b.exec("podman", "tag", images.image("ghostwriter").tag, BUSYBOX)
    saved = bench.object("ContainerCheckpoint", "archived")
    try:
        failed = bench.restore(host_b, saved, "renamed")
        remedy = f"podman tag {images.image('busybox').identifier()[:12]} {BUSYBOX}"
        require_failed(failed, "ImageMissing", evidence=BUSYBOX, remedy=remedy)
        host_b.exec(*remedy.split())
        bench.restore(host_b, saved, "good").wait_ready()
    finally:
        host_b.exec("podman", "untag", tag, tag)


def test_network_missing(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    network = bench.name("net")
    host_a.exec("podman", "network", "create", network)
    archived(bench, bench.count(host_a, "--network", network))
    saved = bench.object("ContainerCheckpoint", "archived")
    before = what_is_there(host_b)
    remedy = f"podman network create {network}"
    require_failed(
        bench.restore(host_b, saved, "missing"), "NetworkMissing", evidence=network, remedy=remedy
    )
    assert what_is_there(host_b) == before
    host_b.exec(*remedy.split())
    bench.restore(host_b, saved, "good").wait_ready()


def test_mount_source(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    folder = f"/srv/{bench.prefix}"
    host_a.exec("mkdir", "-p", folder)
    archived(bench, bench.count(host_a, "--volume", f"{folder}:/data"))
    saved = bench.object("ContainerCheckpoint", "archived")
    before = what_is_there(host_b)
    require_failed(
        bench.restore(host_b, saved, "missing"),
        "MountSourceMissing",
        evidence=folder,
        remedy="Create it",
    )
    host_b.exec("mkdir", "-p", f"{folder}.real")
    host_b.exec("ln", "-s", f"{folder}.real", folder)
    require_failed(
        bench.restore(host_b, saved, "link"),
        "SymlinkedMountSource",
        evidence=folder,
        remedy="Put the directory or file itself at this path",
    )
    assert what_is_there(host_b) == before
    host_b.exec("rm", folder)
    host_b.exec("mv", f"{folder}.real", folder)
    bench.restore(host_b, saved, "good").wait_ready()


def test_symlinked_mount_source_is_refused_at_the_checkpoint(bench: Bench, host_a: Host) -> None:
    folder = f"/srv/{bench.prefix}"
    host_a.exec("mkdir", "-p", f"{folder}.real")
    host_a.exec("ln", "-s", f"{folder}.real", folder)
    container = bench.count(host_a, "--volume", f"{folder}:/data")
    since = container.started_at
    require_failed(
        bench.checkpoint(container), "SymlinkedMountSource", evidence=folder, remedy="realpath"
    )
    assert (container.state, container.started_at) == ("running", since)


def test_restore_of_a_running_container(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    since = container.started_at
    require_failed(
        bench.restore(host_a, {"containerRef": {"name": container.name}}),
        "ContainerRunning",
        evidence=container.name,
        remedy="existingContainer: Adopt",
    )
    assert (container.state, container.started_at) == ("running", since)


def test_no_state_on_the_host(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    host_a.exec("podman", "stop", "--time=0", container.name)
    require_failed(
        bench.restore(host_a, {"containerRef": {"name": container.name}}, "none"),
        "CheckpointMissing",
        evidence=container.name,
        remedy="ContainerCheckpoint with an archive",
    )
    absent = {"containerRef": {"name": bench.name("absent")}}
    require_failed(
        bench.restore(host_a, absent, "absent"),
        "ContainerNotFound",
        evidence=bench.name("absent"),
        remedy="podman ps -a",
    )


def test_stale_state(bench: Bench, host_a: Host) -> None:
    """By hand: checkpointed, gone on, stopped. Podman would put old memory over newer files."""
    container = bench.count(host_a)
    host_a.exec("podman", "container", "checkpoint", "--leave-running", "--keep", container.name)
    seen = len(container.counts())
    wait_until(lambda: len(container.counts()) > seen + 3, "more counts")
    host_a.exec("podman", "stop", "--time=0", container.name)
    require_failed(
        bench.restore(host_a, {"containerRef": {"name": container.name}}),
        "CheckpointStale",
        evidence=container.name,
        remedy="podman start",
    )
    assert container.state == "exited"


def test_started_afresh_in_between(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container)
    saved.wait_ready()
    host_a.exec("podman", "start", container.name)
    host_a.exec("podman", "stop", "--time=0", container.name)
    failed = bench.restore(host_a, saved)
    status = failed.wait_ended()
    assert status["diagnosis"]["cause"] in ("CheckpointStale", "CheckpointMissing")
    require_failed(failed, status["diagnosis"]["cause"], remedy="tart the container")
    assert container.state == "exited"


def test_state_on_another_host(bench: Bench, host_a: Host, host_b: Host) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container)
    saved.wait_ready()
    require_failed(
        bench.restore(host_b, saved),
        "CheckpointOnOtherHost",
        evidence="its state is on host-a only",
        remedy="Set spec.nodeName: host-a",
    )
    bench.restore(host_a, saved, "here").wait_ready()


def test_checkpoint_that_comes_later(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    later = bench.restore(host_a, {"checkpointRef": {"name": "later"}}, "waits")
    never = bench.restore(
        host_a, {"checkpointRef": {"name": "never"}}, "gives-up", timeoutSeconds=1
    )
    status = later.wait_for(
        lambda status: condition(status, "Ready").get("reason") == "WaitingForCheckpoint",
        "waiting for its checkpoint",
    )
    assert "no ContainerCheckpoint later" in condition(status, "Ready")["message"]
    assert condition(status, "Reconciling")["status"] == "True"
    bench.checkpoint(container, "later").wait_ready()
    later.wait_ready()
    container.require_counting_on(since=0)
    require_failed(
        never,
        "CheckpointNotFound",
        evidence="no ContainerCheckpoint never",
        remedy="See that ContainerCheckpoint never is Ready",
    )


def test_failed_checkpoint(bench: Bench, host_a: Host) -> None:
    saved = bench.checkpoint(Container(host_a, bench.name("absent")), "bad")
    saved.wait_failed("ContainerNotFound")
    require_failed(
        bench.restore(host_a, saved),
        "CheckpointFailed",
        evidence="ContainerNotFound",
        remedy="kubectl describe",
    )


def test_leftovers_of_an_export_are_removed(bench: Bench, host_a: Host) -> None:
    """A hand-made export, and then a checkpoint by hand: the restore must not roll files back."""
    container = bench.count(host_a)
    bundle = json.loads(container.inspect("{{json .StaticDir}}"))
    host_a.exec(
        *("podman", "container", "checkpoint", "--leave-running"),
        *("--export", f"/var/tmp/{bench.prefix}.tar", container.name),
    )
    leftovers = ("sh", "-c", f"ls {bundle} | grep -x -e rootfs-diff.tar -e deleted.files")
    if podman_version(host_a) < (5, 6):
        assert host_a.exec(*leftovers, check=False).stdout
    seen = len(container.counts())
    wait_until(lambda: len(container.counts()) > seen + 3, "more counts")
    host_a.exec("podman", "container", "checkpoint", container.name)
    bench.restore(host_a, {"containerRef": {"name": container.name}}).wait_ready()
    container.require_counting_on(since=seen + 3)
    assert not host_a.exec(*leftovers, check=False).stdout
    host_a.exec("rm", f"/var/tmp/{bench.prefix}.tar")
