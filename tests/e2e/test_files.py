"""The files of a container, live and restored elsewhere: consistent with its memory, and complete.

These are the two things that Podman's own export gets wrong: it copies files while the processes
go on, and it leaves out files that came with the image and were changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import archive_in_host
from tests.lab.images import STATE_FILE

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

LIVE_ARCHIVES = 10

# CRIU refuses to restore a process whose open file has another size than when it was saved. Emptied
# now and then, for the sake of the disk, the file is still the same one and open.
APPENDING = """\
exec 3>>/data.log
n=0
while :; do
	echo "$n and some more, so that the line is not that short" >&3
	n=$((n + 1))
	[ $((n % 100000)) -ne 0 ] || : >/data.log
done
"""

# A restore interrupts the sleep of a program that knows nothing of it.
IDLE = ("sh", "-c", "while :; do sleep 1; done")


def test_a_container_that_appends_all_the_time_restores_every_time(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    container = bench.run(host_a, "sh", "-c", APPENDING)
    host_b.load_image("busybox")
    there = container.on(host_b)
    last_lines = []

    for turn in range(LIVE_ARCHIVES):
        saved = bench.checkpoint(container, f"live-{turn}", leaveRunning=True, archive={})
        status = saved.wait_ready()
        bench.restore(host_b, saved, f"restored-{turn}").wait_ready()
        assert there.state == "running"
        # The one before the last may be written at this moment.
        lines = there.exec("tail", "-n", "2", "/data.log").stdout.splitlines()
        last_lines.append(int(lines[0].split()[0]))
        there.remove()
        host_a.exec("rm", archive_in_host(status))

    assert last_lines == sorted(set(last_lines)), "it did not go on between two archives"


def test_every_kind_of_file_moves_with_the_container(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    volume = bench.name("data")
    container = bench.run(
        host_a, *IDLE, options=(f"--volume={volume}:/data", "--volume=/anonymous")
    )
    host_b.load_image("busybox")
    container.exec(
        *("sh", "-ec"),
        f"echo changed >{STATE_FILE}; rm /etc/group; chmod 600 /etc/passwd;"
        "echo added >/opt/added; mkdir /opt/empty; ln -s added /opt/link;"
        "ln /opt/added /opt/hardlink; echo volume >/data/file; chown 7:8 /data/file;"
        "echo anonymous >/anonymous/file; echo memory >/dev/shm/file;"
        "rm -r /root; mkdir /root; echo new >/root/new",
    )

    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    bench.restore(host_b, saved).wait_ready()

    there = container.on(host_b)
    assert there.read(STATE_FILE) == "changed\n"
    assert there.exec("ls", "/etc").stdout.split().count("group") == 0
    assert there.exec("stat", "-c", "%a", "/etc/passwd").stdout.strip() == "600"
    assert there.read("/opt/link") == "added\n"
    links, inode = there.exec("stat", "-c", "%h %i", "/opt/added").stdout.split()
    assert (links, inode) == (
        "2",
        there.exec("stat", "-c", "%i", "/opt/hardlink").stdout.strip(),
    )
    assert there.exec("ls", "/opt/empty").stdout == ""
    assert there.read("/data/file") == "volume\n"
    assert there.exec("stat", "-c", "%u:%g", "/data/file").stdout.strip() == "7:8"
    assert there.read("/anonymous/file") == "anonymous\n"
    assert there.read("/dev/shm/file") == "memory\n"
    assert there.exec("ls", "/root").stdout.split() == ["new"]


def test_volumes_and_changes_are_left_out_where_asked(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    volume = bench.name("data")
    container = bench.run(host_a, *IDLE, options=(f"--volume={volume}:/data",))
    host_b.load_image("busybox")
    container.exec("sh", "-ec", f"echo changed >{STATE_FILE}; echo volume >/data/file")
    host_b.exec("podman", "volume", "create", volume)

    saved = bench.checkpoint(
        container, leaveRunning=True, archive={}, ignoreRootFS=True, ignoreVolumes=True
    )
    status = saved.wait_ready()
    bench.restore(host_b, saved, ignoreVolumes=True).wait_ready()

    assert [each["included"] for each in status["volumes"]] == [False]
    there = container.on(host_b)
    assert there.read(STATE_FILE) == "from the image\n"
    assert there.exec("ls", "/data").stdout == ""
