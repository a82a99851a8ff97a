"""Sparse files come back with their holes, and nothing that is written meanwhile is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.e2e.faults import kill_at, require_nothing_left, wait_for_death
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

IDLE: Final = ("/opt/idle", "/data/idle")
BUSY: Final = ("/opt/busy", "/data/busy")
MIB: Final = 1 << 20
SIZES: Final = {IDLE[0]: 1024, IDLE[1]: 128, BUSY[0]: 192, BUSY[1]: 192}
"""In MiB; three of them, 32 before the end, are no hole."""

SLOTS: Final = 2_000
"""In a busy file, 64 KiB apart: what is written in one of them leaves the others holes."""

BLOCK: Final = 4096
SLACK_BYTES: Final = 256 << 10
"""What the file system may need more for the same extents."""

# It goes on writing numbers into the holes of the busy files, and tells how far it has come.
WRITER: Final = f"""
for each in {" ".join(f"{path}:{size}" for path, size in SIZES.items())}; do
    file=${{each%:*}} size=${{each#*:}}
    dd if=/dev/urandom of=$file bs=1M seek=$((size - 32)) count=3 2>/dev/null
    truncate -s ${{size}}M $file
done
n=0
while :; do
    for file in {" ".join(BUSY)}; do
        printf '%08d' $n | dd of=$file bs=8 seek=$((n % {SLOTS} * 8192)) conv=notrunc 2>/dev/null
    done
    n=$((n + 1))
    echo $n >/count
done
"""

LOOK: Final = f"""
import hashlib, json, os, sys
idle, busy = {IDLE}, {BUSY}
seen = {{}}
for path in idle + busy:
    with open(sys.argv[1] + path, "rb") as file:
        slots = []
        if path in busy:
            for slot in range({SLOTS}):
                file.seek(slot * 65536)
                slots.append(int(file.read(8).strip(b"\\0") or -1))
            digest = ""
        else:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        status = os.fstat(file.fileno())
        seen[path] = [status.st_size, status.st_blocks * 512, status.st_mtime_ns, digest, slots]
json.dump(seen, sys.stdout)
"""


class Seen(NamedTuple):
    """A file as it is: numbers in the slots of a busy one, the digest of an idle one."""

    size: int
    allocated: int
    mtime_ns: int
    digest: str
    slots: list[int]


def look(container: Container) -> dict[str, Seen]:
    root = f"/proc/{container.inspect('{{.State.Pid}}')}/root"
    shown = container.host.exec("python3", "-c", LOOK, root).stdout
    return {path: Seen(*seen) for path, seen in json.loads(shown).items()}


def count(container: Container) -> int:
    shown = ""

    def read() -> bool:
        nonlocal shown
        pid = container.inspect("{{.State.Pid}}")
        shown = container.host.exec("cat", f"/proc/{pid}/root/count", check=False).stdout.strip()
        return bool(shown)

    wait_until(read, "the writer's count")
    return int(shown)


def require_complete(slots: list[int], done: int) -> None:
    """See that each slot has the last number that was written into it."""
    last = max(slots)
    assert last >= done - 1
    for slot, number in enumerate(slots):
        expected = (last - slot) // SLOTS * SLOTS + slot
        assert number == (expected if expected >= 0 else -1), slot


@pytest.mark.parametrize("point", ["", "during:machine:make_holes"], ids=["", "killed"])
def test_a_container_that_writes_into_holes(
    bench: Bench, host_a: Host, host_b: Host, point: str
) -> None:
    options = (f"--volume={bench.name('data')}:/data", "--network=none")
    container = bench.run(host_a, "sh", "-c", WRITER, options=options)
    host_b.load_image("busybox")
    wait_until(lambda: count(container) > 200, "some numbers")

    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    status = saved.wait_ready()
    host_a.exec("podman", "pause", container.name)
    before = look(container)
    if point:
        kill_at(point, host_b)
    restore = bench.restore(host_b, saved)
    there = container.on(host_b)
    if point:
        wait_for_death(host_b)
        going = count(there)
        wait_until(lambda: count(there) > going, "the writer to go on")
        host_b.agent_start()
    restore.wait_ready()
    going = count(there)
    wait_until(lambda: count(there) > going + 50, "more numbers")
    done = count(there)
    host_b.exec("podman", "pause", there.name)
    after = look(there)

    for path in IDLE:
        assert after[path]._replace(allocated=0) == before[path]._replace(allocated=0)
        assert after[path].allocated <= before[path].allocated + SLACK_BYTES
    for path in BUSY:
        assert after[path].size == SIZES[path] * MIB
        written = sum(number >= 0 for number in after[path].slots)
        assert after[path].allocated <= written * BLOCK + 3 * MIB + SLACK_BYTES
        require_complete(after[path].slots, done)
    # Neither is in the archive what is not in the files.
    assert status["archive"]["sizeBytes"] < 64 * MIB
    assert [event.reason for event in restore.events() if event.type == "Warning"] == []
    require_nothing_left(host_b)
