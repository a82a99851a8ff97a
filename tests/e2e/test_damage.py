"""An archive that is not exactly the one stored is refused before Podman hears of it."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.archive.reader import verify
from podman_checkpoint_operator.decisions.failures import OperationFailed
from tests.e2e.explained import require_failed
from tests.e2e.soak import times
from tests.e2e.support import archive_on_machine, restore, what_is_there

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

RESTORES = times(4, soak=50)
"""Of flipped bytes, and again of cuts, through the whole of the product."""

POSITIONS = times(200, soak=5000)
"""Of flipped bytes, and again of cuts, that only the reader is shown."""

REFUSED = {Cause.ARCHIVE_CORRUPT, Cause.ARCHIVE_TRUNCATED, Cause.ARCHIVE_DIGEST_MISMATCH}
RESTORING = ("podman", "events", "--stream=false", "--filter=event=create", "--format={{.Name}}")


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_damaged_anywhere(bench: Bench, host_a: Host, host_b: Host, compression: str) -> None:
    host_b.load_image("busybox")
    container = bench.count(host_a, "--volume", f"{bench.name('data')}:/data")
    archive = {"compression": compression}
    status = bench.checkpoint(container, archive=archive).wait_ready()
    container.remove()
    path, digest = archive_on_machine(status), status["archive"]["digest"]
    whole = path.read_bytes()
    assert f"sha256:{hashlib.sha256(whole).hexdigest()}" == digest
    before = what_is_there(host_b)

    sweep(path.with_name("swept"), whole, digest)
    damaged = {
        f"{how}-{number}": content
        for number, position in enumerate(positions(len(whole), RESTORES))
        for how, content in (
            ("flipped", flipped(whole, position)),
            ("cut", whole[:position]),
        )
    }
    manifests = []
    for name, content in damaged.items():
        copy = path.with_name(name)
        copy.write_bytes(content)
        uri = status["archive"]["uri"].replace(path.name, copy.name)
        manifests.append(restore(host_b, {"archive": {"uri": uri, "digest": digest}}, name))
    for refused in bench.apply_all(manifests):
        cause = refused.wait_ended()["diagnosis"]["cause"]
        assert cause in REFUSED
        require_failed(refused, cause, remedy="Restore from another checkpoint")

    assert what_is_there(host_b) == before
    assert container.name not in host_b.exec(*RESTORING).stdout.split()
    saved = bench.object("ContainerCheckpoint", "saved")
    bench.restore(host_b, saved).wait_ready()
    assert container.name in host_b.exec(*RESTORING).stdout.split()


def test_of_another_checkpoint(bench: Bench, host_a: Host, host_b: Host) -> None:
    """Two checkpoints of one container: the one's archive is good, and not the other's."""
    host_b.load_image("busybox")
    container = bench.count(host_a)
    paths = {}
    for name in ("first", "second"):
        status = bench.checkpoint(container, name, leaveRunning=True, archive={}).wait_ready()
        paths[name] = archive_on_machine(status)
    before = what_is_there(host_b)
    shutil.copy(paths["first"], paths["second"])

    swapped = bench.restore(host_b, bench.object("ContainerCheckpoint", "second"), "swapped")
    require_failed(swapped, Cause.ARCHIVE_DIGEST_MISMATCH, remedy="Restore from another checkpoint")

    assert what_is_there(host_b) == before
    assert container.name not in host_b.exec(*RESTORING).stdout.split()


def positions(length: int, count: int) -> list[int]:
    """Return the first and the last position, and random ones between."""
    between = (secrets.randbelow(length) for _ in range(count - 2))
    return sorted({0, length - 1, *between})


def flipped(content: bytes, position: int) -> bytes:
    """Return the content with one bit of one byte turned over."""
    damaged = bytearray(content)
    damaged[position] ^= 1 << secrets.randbelow(8)
    return bytes(damaged)


def sweep(path: Path, whole: bytes, digest: str) -> None:
    """Show the reader an archive damaged at many positions."""
    for position in positions(len(whole), POSITIONS):
        for content in (flipped(whole, position), whole[:position]):
            path.write_bytes(content)
            with pytest.raises(OperationFailed) as refused:
                verify(path, digest)
            assert refused.value.cause in REFUSED, f"{position} of {len(whole)}"
    path.unlink()
