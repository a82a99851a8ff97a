"""Live archives of containers that write all the time: each one restores, at one moment of it.

Podman's own export copies the files while the processes go on, and CRIU refuses to restore a
process whose open file has another size than when it was saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.soak import times
from tests.e2e.support import archive_in_host
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

ARCHIVES = times(3, soak=50)

# Emptied now and then, for the sake of the disk, the file is still the same one and open.
APPENDING = """\
exec 3>>"$0"
n=0
while :; do
	echo "$n and some more, so that the line is not that short" >&3
	n=$((n + 1))
	[ $((n % 100000)) -ne 0 ] || : >"$0"
done
"""


def last_line(container: Container, path: str) -> int:
    """Return the number in the last line but one: the last may be written at this moment."""
    lines: list[str] = []

    def look() -> bool:
        nonlocal lines
        lines = container.exec("tail", "-n", "2", path).stdout.splitlines()
        return len(lines) == 2

    wait_until(look, f"lines in {path}")
    return int(lines[0].split()[0])


def last_round(container: Container, path: str) -> int:
    """Return the round that the file's last counter was written in."""
    shown = container.exec("sh", "-c", f"tail -c 8 {path} | od -An -t u8").stdout
    return int(shown)


@pytest.mark.parametrize("path", ["/data.log", "/volume/data.log"], ids=["root", "volume"])
def test_a_container_that_appends_all_the_time(
    bench: Bench, host_a: Host, host_b: Host, path: str
) -> None:
    options = ("--volume", f"{bench.name('data')}:/volume")
    container = bench.run(host_a, "sh", "-c", APPENDING, path, options=options)
    host_b.load_image("busybox")
    last_lines = []

    for turn in range(ARCHIVES):
        there = moved_live(bench, container, host_b, turn)
        last_lines.append(last_line(there, path))
        require_going_on(there, lambda each: last_line(each, path))
        remove(there)

    assert last_lines == sorted(set(last_lines)), "it did not go on between two archives"


def test_a_container_that_writes_through_a_mapping(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    """The program itself ends when the file and its memory are of different moments."""
    path = "/counters"
    container = bench.run(host_a, "mapwriter", path, image="programs")
    host_b.load_image("programs")

    for turn in range(ARCHIVES):
        there = moved_live(bench, container, host_b, turn)
        require_going_on(there, lambda each: last_round(each, path))
        remove(there)


def moved_live(bench: Bench, container: Container, host: Host, turn: int) -> Container:
    """Save a running container and restore it on a host, where none of it may be."""
    saved = bench.checkpoint(container, f"live-{turn}", leaveRunning=True, archive={})
    status = saved.wait_ready()
    back = bench.restore(host, saved, f"restored-{turn}")
    back.wait_ready()
    container.host.exec("rm", archive_in_host(status))
    return container.on(host)


def require_going_on(container: Container, look: Callable[[Container], int]) -> None:
    """See that what a container writes changes."""
    seen = look(container)
    wait_until(lambda: look(container) != seen, f"{container.name} to go on")
    assert container.state == "running"


def remove(container: Container) -> None:
    """Remove a container with its named volumes."""
    names = container.inspect("{{range .Mounts}}{{.Name}} {{end}}").split()
    container.remove()
    if names:
        container.host.exec("podman", "volume", "rm", *names)
