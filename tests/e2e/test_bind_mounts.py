"""Bind mounts in an archive: carried, laid down where nothing is, and never over something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import (
    kill_at,
    kill_at_each,
    let_go_on,
    require_nothing_left,
    require_one_archive,
    wait_for_stop,
)
from tests.e2e.support import archive_in_host, clear_host, condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

INCLUDE = {"leaveRunning": True, "archive": {"bindMounts": "Include"}}
COUNTER = "n=0; while :; do echo $n >>/data/counts; n=$((n + 1)); sleep 0.05; done"
FILL = """\
mkdir -p $0/data/sub $0/empty
cd $0/data
echo rows >'sub/a name
of two lines'
ln sub/a* hardlink
ln -s nowhere dangling
mkfifo fifo
truncate -s 64M sparse
chown -R 7:8 sub
chmod 2750 sub
touch -d '2001-02-03 04:05:06.789012345' sub/a*
printf '[app]' >$0/app.conf
chmod 640 $0/app.conf
"""
LISTING = """\
cd $0
find . -mindepth 1 ! -name counts ! -path ./data -printf '%p %y %m %U:%G %n %l %T@ %s\\n' | sort
sha256sum data/sub/* app.conf
test $(stat -c %b data/sparse) -lt 1000
"""


@pytest.fixture
def folder(bench: Bench, host_a: Host, host_b: Host) -> Iterator[str]:
    """A folder for the sources of bind mounts, on either host if it is there."""
    yield f"/srv/{bench.prefix}"
    for host in (host_a, host_b):
        clear_host(host, bench.prefix)  # a container that writes there would be in the way
        host.exec("rm", "-rf", f"/srv/{bench.prefix}")


@pytest.fixture
def container(bench: Bench, folder: str, host_a: Host, host_b: Host) -> Container:
    """A container that counts in a bind mount, and has a single file and sockets mounted."""
    host_b.load_image("busybox")
    host_a.exec("sh", "-ec", FILL, folder)
    return bench.run(
        host_a,
        *("sh", "-c", COUNTER),
        options=(
            f"--volume={folder}/data:/data",
            f"--volume={folder}/data/sub:/sub:ro",
            f"--volume={folder}/app.conf:/etc/app.conf",
        ),
    )


def listing(host: Host, folder: str) -> str:
    return host.exec("sh", "-ec", LISTING, folder).stdout


def require_counting(container: Container) -> None:
    counts = container.read("/data/counts").split()
    assert [int(each) for each in counts] == list(range(len(counts)))
    assert counts


def test_carried_to_another_host(
    bench: Bench, folder: str, container: Container, host_a: Host, host_b: Host
) -> None:
    saved = bench.checkpoint(container, **INCLUDE)
    status = saved.wait_ready()

    assert [(each["included"], each.get("reason")) for each in status["volumes"]] == [
        (True, None)
    ] * 3
    assert condition(status, "MountsIncluded")["status"] == "True"
    host_a.exec("rmdir", f"{folder}/empty")
    before = listing(host_a, folder)
    back = bench.restore(host_b, saved).wait_ready()

    # The directory above did not exist on host-b: it has the mode of any other.
    assert listing(host_b, folder) == before
    require_counting(container.on(host_b))
    assert container.on(host_b).read("/etc/app.conf") == "[app]"
    assert "2 from the archive" in str(back["preflight"])
    require_nothing_left(host_b)

    # What is there is not overwritten, but used if asked for; what is not there is laid down.
    container.on(host_b).remove()
    host_b.exec("rm", f"{folder}/app.conf")
    host_b.exec("sh", "-c", f"echo mine >{folder}/data/mine")
    there = listing_of(host_b, folder)
    require_failed(
        bench.restore(host_b, saved, "again"),
        "BindMountSourceInUse",
        evidence=f"{folder}/data",
        remedy="spec.bindMounts: UseExisting",
    )
    assert listing_of(host_b, folder) == there
    # The processes' open file must be there as it was.
    counts = int(host_b.exec("sh", "-c", f"wc -l <{folder}/data/counts").stdout)
    bench.restore(host_b, saved, "existing", bindMounts="UseExisting").wait_ready()
    assert container.on(host_b).read("/data/mine") == "mine\n"
    assert container.on(host_b).read("/etc/app.conf") == "[app]"
    assert len(container.on(host_b).read("/data/counts").split()) >= counts

    # Podman's own import takes the same archive; what is mounted must be there for that.
    container.on(host_b).remove()
    path = archive_in_host(status)
    host_b.exec("podman", "container", "restore", "--import", path)
    assert container.on(host_b).state == "running"


def listing_of(host: Host, folder: str) -> str:
    return host.exec("find", folder, "-printf", "%p %y %m %s %T@\\n").stdout


def test_a_failed_restore_takes_back_what_it_laid_down(
    bench: Bench, folder: str, host_a: Host, host_b: Host
) -> None:
    """A new directory two levels deep, and one into an empty directory that was there."""
    host_b.load_image("busybox")
    host_a.exec("sh", "-ec", FILL, folder)
    container = bench.run(
        host_a,
        *("sh", "-c", "exec 9>/opened; while :; do echo x >&9; sleep 0.1; done"),
        options=(f"--volume={folder}/data/sub:/sub", f"--volume={folder}/empty:/empty"),
    )
    saved = bench.checkpoint(container, **INCLUDE)
    saved.wait_ready()
    host_b.exec("mkdir", "-p", f"{folder}/empty")
    host_b.exec("chmod", "2750", f"{folder}/empty")
    before = listing_of(host_b, folder)

    back = bench.restore(host_b, saved, ignoreRootFS=True)
    require_failed(back, "FileChanged", remedy="make sure that the image")

    after = listing_of(host_b, folder)
    assert [line.split()[:3] for line in after.splitlines()] == [
        line.split()[:3] for line in before.splitlines()
    ]
    require_nothing_left(host_b)


def test_special_sources_are_never_carried(bench: Bench, folder: str, host_a: Host) -> None:
    host_a.exec("mkdir", "-p", f"{folder}/data")
    host_a.exec("mkfifo", f"{folder}/fifo")
    container = bench.run(
        host_a,
        *("sh", "-c", "while :; do sleep 1; done"),
        options=(
            f"--volume={folder}/data:/data",
            f"--volume={folder}/fifo:/fifo",
            "--volume=/run/podman/podman.sock:/podman.sock",
            "--volume=/sys/kernel:/kernel:ro",
            f"--volume={bench.name('volume')}:/volume",
        ),
    )

    status = bench.checkpoint(container, **INCLUDE).wait_ready()

    included = {each["destination"]: each["included"] for each in status["volumes"]}
    reasons = {each["destination"]: each.get("reason", "") for each in status["volumes"]}
    assert {name for name, there in included.items() if there} == {"/data", "/volume"}
    assert "neither" in reasons["/fifo"]
    assert reasons["/podman.sock"] == "/run belongs to the running host"
    assert reasons["/kernel"] == "/sys belongs to the running host"
    required = condition(status, "MountsIncluded")
    assert (required["status"], required["reason"]) == ("False", "MountsRequired")
    assert "/run/podman/podman.sock" in required["message"]

    excluded = bench.checkpoint(container, "excluded", leaveRunning=True, archive={}).wait_ready()
    (data,) = (each for each in excluded["volumes"] if each["destination"] == "/data")
    assert data["reason"] == "spec.archive.bindMounts is Exclude"


def test_killed_while_it_lays_down(
    bench: Bench, folder: str, container: Container, host_a: Host, host_b: Host
) -> None:
    saved = bench.checkpoint(container, archive={"bindMounts": "Include"})
    saved.wait_ready()
    host_a.exec("rmdir", f"{folder}/empty")
    before = listing(host_a, folder)

    kill_at_each(
        (
            "after:binds:begin",
            "after:archives:lay_down",
            "after:binds:put_in_place",
            "before:binds:end",
        ),
        host_b,
        lambda: bench.restore(host_b, saved),
        lambda: require_one_archive(bench, saved),
    )

    assert listing(host_b, folder) == before
    require_counting(container.on(host_b))
    assert ".podman-checkpoint" not in listing_of(host_b, "/srv")
    require_nothing_left(host_b)


def test_the_disk_runs_full_while_it_lays_down(
    bench: Bench, folder: str, host_a: Host, host_b: Host
) -> None:
    host_b.load_image("busybox")
    fill = f"mkdir -p {folder}/data && dd if=/dev/urandom of={folder}/data/big bs=1M count=8"
    host_a.exec("sh", "-ec", fill)
    script = "while :; do sleep 1; done"
    container = bench.run(host_a, "sh", "-c", script, options=(f"--volume={folder}/data:/data",))
    saved = bench.checkpoint(container, **INCLUDE)
    saved.wait_ready()
    host_b.exec("sh", "-ec", f"mkdir -p {folder} && mount -t tmpfs -o size=24m tmpfs {folder}")
    try:
        kill_at("before:archives:lay_down:STOP", host_b)
        back = bench.restore(host_b, saved)
        wait_for_stop(host_b)
        host_b.exec("dd", "if=/dev/zero", f"of={folder}/filler", "bs=1M", "count=20")
        let_go_on(host_b)

        require_failed(back, "NoSpace", evidence=f"{folder}/data", remedy="Free space")

        assert host_b.exec("ls", "-A", folder).stdout == "filler\n"
        assert not container.on(host_b).exists()
        require_nothing_left(host_b)
        host_b.exec("rm", f"{folder}/filler")
        bench.restore(host_b, saved, "again").wait_ready()
        assert host_b.exec("stat", "-c", "%s", f"{folder}/data/big").stdout == f"{8 << 20}\n"
    finally:
        container.on(host_b).remove()
        host_b.exec("umount", "--lazy", folder)
