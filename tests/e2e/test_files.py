"""The files of a container, saved and restored elsewhere, are complete.

Podman's own export leaves out files that came with the image and were changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.images import STATE_FILE

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

# A restore interrupts the sleep of a program that knows nothing of it.
IDLE = ("sh", "-c", "while :; do sleep 1; done")

# Of everything on /dev/shm: all that can be told about it.
LOOK = """
import os, sys
os.chdir(sys.argv[1] + "/dev/shm")
for folder, folders, files in os.walk("."):
    for name in [*folders, *files]:
        path = os.path.join(folder, name)
        seen = os.lstat(path)
        names = sorted(os.listxattr(path, follow_symlinks=False))
        values = [os.getxattr(path, name, follow_symlinks=False) for name in names]
        print(path, oct(seen.st_mode), seen.st_uid, seen.st_gid, seen.st_mtime_ns, names, values)
"""


def in_root(container: Container, program: str) -> str:
    """Run a program with the root of a running container as its argument."""
    root = f"/proc/{container.inspect('{{.State.Pid}}')}/root"
    return container.host.exec("python3", "-c", program, root).stdout


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


def test_deep_and_large_and_on_mounts_of_any_kind(bench: Bench, host_a: Host, host_b: Host) -> None:
    names = [bench.name("one"), bench.name("two")]
    options = [f"--volume={name}:/{name[-3:]}" for name in names]
    container = bench.run(host_a, *IDLE, options=(*options, "--volume=/three", "--tmpfs=/memory"))
    host_b.load_image("busybox")
    deep = "/".join(["d" * 49] * 70)
    folders = ["/opt", "/one", "/two", "/three"]
    make = f"""
        for folder in {" ".join(folders)} /memory /dev/shm; do
            mkdir -p $folder/empty $folder/few
            echo $folder >$folder/few/file
            ln -s ../nowhere $folder/few/dangling
        done
        for folder in {" ".join(folders)}; do
            mkdir -p $folder/{deep}
            echo $folder >$folder/{deep}/end
        done
        head -c 100000000 /dev/urandom >/opt/large
        md5sum /opt/large
    """
    digest = container.exec("sh", "-ec", make).stdout

    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    bench.restore(host_b, saved).wait_ready()

    there = container.on(host_b)
    for folder in (*folders, "/memory", "/dev/shm"):
        assert there.read(f"{folder}/few/file") == f"{folder}\n"
        assert there.exec("ls", f"{folder}/empty").stdout == ""
        assert there.exec("readlink", f"{folder}/few/dangling").stdout == "../nowhere\n"
    for folder in folders:
        assert there.read(f"{folder}/{deep}/end") == f"{folder}\n"
    assert there.exec("md5sum", "/opt/large").stdout == digest


def test_files_in_memory_keep_times_and_attributes(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    container = bench.run(host_a, *IDLE, options=("--tmpfs=/memory",))
    host_b.load_image("busybox")
    make = """
import os, sys
os.chdir(sys.argv[1] + "/dev/shm")
os.mkdir("folder")
open("folder/file", "w").write("memory")
os.chown("folder/file", 7, 8)
os.chmod("folder/file", 0o640)
os.symlink("nowhere", "folder/link")
for name, value in (("user.any", b"1"), ("trusted.any", b"\\0\\xff")):
    os.setxattr("folder/file", name, value)
for name in ("folder/file", "folder/link", "folder"):
    os.utime(name, ns=(10**18, 1_500_000_000_123_456_789), follow_symlinks=False)
"""
    in_root(container, make)
    before = in_root(container, LOOK)
    assert before.count("123456789") == 3

    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    bench.restore(host_b, saved).wait_ready()

    assert in_root(container.on(host_b), LOOK) == before


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
