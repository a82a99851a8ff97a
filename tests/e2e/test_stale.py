"""What is restored is what was asked for: no older state, and no other container's archive.

And where it cannot be restored, that is found before the target is touched.

States that a user has made stale by hand are in test_failures_restore.py too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.support import (
    Bench,
    archive_in_host,
    archive_on_machine,
    make_namespace,
    remove_namespace,
    what_is_there,
)
from tests.e2e.test_failures_restore import archived, source
from tests.e2e.test_preflight import checks
from tests.lab import paths
from tests.lab.kubectl import kubectl

if TYPE_CHECKING:
    from tests.e2e.support import Object
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

EDIT: Final = """\
set -e
cd "$(mktemp -d)"
zstd -dc "$0" | tar x
python3 - "$2" <<END
import json, sys
with open("podman-checkpoint.dev.json") as file:
    origin = json.load(file)
with open("podman-checkpoint.dev.json", "w") as file:
    json.dump(origin | json.loads(sys.argv[1]), file)
END
tar c podman-checkpoint.dev.json $(ls | grep -v podman-checkpoint) | zstd -q >"$1"
sha256sum "$1" | cut -d ' ' -f 1
rm -r "$PWD"
"""


def edited(host: Host, status: dict[str, Any], name: str, **origin: str) -> dict[str, Any]:
    """Make an archive that says something else of where it was made; return it as a source."""
    whole = archive_in_host(status)
    other = whole.replace("archived", name)
    digest = host.exec("bash", "-c", EDIT, whole, other, json.dumps(origin)).stdout.strip()
    return {"archive": {"uri": f"file://{other}", "digest": f"sha256:{digest}"}}


def write_status(thing: Object, status: dict[str, Any]) -> None:
    """Change a status behind the agent's back."""
    patch = json.dumps({"status": status})
    kubectl("patch", *thing.words(), "--subresource=status", "--type=merge", f"--patch={patch}")


def test_left_running_by_hand_and_stopped_at_once(bench: Bench, host_a: Host) -> None:
    """No log tells that it was left running; that it was not is what Podman would know."""
    container = bench.count(host_a)
    by_hand = ("podman", "container", "checkpoint", container.name)
    host_a.exec(*by_hand, "--leave-running")
    host_a.exec("podman", "stop", "--time=0", container.name)
    asked = {"containerRef": {"name": container.name}}
    require_failed(
        bench.restore(host_a, asked, "stale"),
        "CheckpointStale",
        evidence=container.name,
        remedy="podman start",
    )
    assert container.state == "exited"
    host_a.exec("podman", "start", container.name)
    host_a.exec(*by_hand)
    bench.restore(host_a, asked, "fresh").wait_ready()


def test_a_port_that_was_taken_meanwhile(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--publish", "18433:80")
    saved = bench.checkpoint(container)
    saved.wait_ready()
    other = bench.run(host_a, "sleep", "1000", options=("--publish", "18433:80"), suffix="other")
    require_failed(
        bench.restore(host_a, saved, "taken"),
        "PortInUse",
        evidence="18433/tcp",
        remedy="Stop what listens there",
    )
    other.remove()
    bench.restore(host_a, saved, "free").wait_ready()


def test_no_room_for_the_unpacked_archive(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    archived(bench, bench.count(host_a))
    saved = bench.object("ContainerCheckpoint", "archived")
    before = what_is_there(host_b)
    host_b.exec("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/var/tmp")
    try:
        require_failed(
            bench.restore(host_b, saved, "full"),
            "NoSpace",
            evidence="not enough space for Podman's copy of the archive",
            remedy="Free ",
        )
    finally:
        host_b.exec("umount", "/var/tmp")
    assert what_is_there(host_b) == before
    bench.restore(host_b, saved, "good").wait_ready()


def test_a_swapped_archive(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    status = archived(bench, bench.count(host_a))
    other = bench.count(host_a, suffix="other")
    theirs = bench.checkpoint(other, "theirs", archive={}).wait_ready()
    before = what_is_there(host_b)
    saved = bench.object("ContainerCheckpoint", "archived")
    ours = archive_on_machine(status).read_bytes()

    archive_on_machine(status).write_bytes(archive_on_machine(theirs).read_bytes())
    require_failed(
        bench.restore(host_b, saved, "bytes"),
        "ArchiveDigestMismatch",
        remedy="Restore from another checkpoint",
    )
    # With the digest of the other one in the status, by somebody who may write that.
    archive = {key: theirs["archive"][key] for key in ("digest", "sizeBytes")}
    patch = {"status": {"archive": archive}}
    kubectl(
        "patch",
        *saved.words(),
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps(patch)}",
    )
    require_failed(
        bench.restore(host_b, saved, "digest"),
        "ArchiveSwapped",
        evidence=f"the archive is of container {other.name}",
        remedy="spec.source.archive",
    )
    assert what_is_there(host_b) == before

    archive_on_machine(status).write_bytes(ours)
    patch = {"status": {"archive": {key: status["archive"][key] for key in archive}}}
    kubectl(
        "patch",
        *saved.words(),
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps(patch)}",
    )
    bench.restore(host_b, saved, "good").wait_ready()


def test_an_archive_of_another_namespace(bench: Bench, host_a: Host, host_b: Host) -> None:
    host_b.load_image("busybox")
    status = archived(bench, bench.count(host_a))
    before = what_is_there(host_b)
    stranger = Bench()
    elsewhere = f"{paths.ARCHIVES_IN_HOST}/{stranger.prefix}.tar.zst"
    make_namespace(stranger.prefix)
    try:
        require_failed(
            stranger.restore(host_b, source(status)),
            "ArchiveOfOtherNamespace",
            evidence=f"this is namespace {stranger.prefix}",
            remedy=f"in namespace {bench.prefix}",
        )
        # Nothing of it is told: neither its digest nor what is beside it.
        for name, uri in {
            "guess": status["archive"]["uri"],
            "absent": status["archive"]["uri"].replace("archived", "absent"),
        }.items():
            guess = {"archive": {"uri": uri, "digest": f"sha256:{'0' * 64}"}}
            failed = stranger.restore(host_b, guess, name).wait_failed("ArchiveOfOtherNamespace")
            assert status["archive"]["digest"] not in json.dumps(failed)
            assert "Its directory has" not in json.dumps(failed)
        # Wherever it lies, it is of the namespace that made it.
        host_b.exec("cp", archive_in_host(status), elsewhere)
        moved = {"archive": {**source(status)["archive"], "uri": f"file://{elsewhere}"}}
        require_failed(
            stranger.restore(host_b, moved, "moved"),
            "ArchiveOfOtherNamespace",
            evidence="the archive is of container",
            remedy=f"in namespace {bench.prefix}",
        )
    finally:
        host_b.exec("rm", "--force", elsewhere)
        remove_namespace(stranger.prefix)
    assert what_is_there(host_b) == before
    good = bench.restore(host_b, source(status), "good").wait_ready()
    assert checks(good)["Origin"] == "Pass"


def test_a_host_that_cannot_run_it(bench: Bench, host_a: Host, host_b: Host) -> None:
    """All hosts of the lab have one CPU, so archives say that they are of another."""
    host_b.load_image("busybox")
    status = archived(bench, bench.count(host_a))
    before = what_is_there(host_b)
    strange = edited(host_b, status, "cpu", cpuFeatures="aes avx1024")
    require_failed(
        bench.restore(host_b, strange, "cpu"),
        "CPUMismatch",
        evidence="lacks avx1024",
        remedy="the same or a newer model",
    )
    foreign = edited(host_b, status, "arch", architecture="arm64")
    require_failed(
        bench.restore(host_b, foreign, "arch"),
        "ArchitectureMismatch",
        evidence="the archive is of arm64",
        remedy="same architecture",
    )
    assert what_is_there(host_b) == before
    newer = edited(host_b, status, "criu", criuVersion="99.1")
    found = checks(bench.restore(host_b, newer, "criu").wait_ready())
    assert (found["CPU"], found["Architecture"], found["CRIU"]) == ("Pass", "Pass", "Warn")


def test_state_that_the_host_cannot_run_any_more(bench: Bench, host_a: Host) -> None:
    """As after a boot with another CPU, and with an older CRIU."""
    container = bench.count(host_a)
    seen = len(container.counts())
    saved = bench.checkpoint(container)
    saved.wait_ready()
    note = f"{container.inspect('{{.StaticDir}}')}/podman-checkpoint.dev.json"
    noted = json.loads(host_a.exec("cat", note).stdout)
    assert noted["uid"] == saved.get()["metadata"]["uid"]
    changed = noted | {"cpuFeatures": f"{noted['cpuFeatures']} zz9", "criuVersion": "99.1"}
    host_a.exec("sh", "-c", 'cat >"$0"', note, stdin=json.dumps(changed))
    require_failed(
        bench.restore(host_a, saved, "other-cpu"),
        "CPUMismatch",
        evidence="zz9",
        remedy="Give the host the CPU back",
    )
    assert container.state == "exited"

    same_cpu = changed | {"cpuFeatures": noted["cpuFeatures"]}
    host_a.exec("sh", "-c", 'cat >"$0"', note, stdin=json.dumps(same_cpu))
    assert checks(bench.restore(host_a, saved).wait_ready())["CRIU"] == "Warn"
    container.require_counting_on(since=seen)
    assert host_a.exec("test", "-e", note, check=False).returncode == 1
