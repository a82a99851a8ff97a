"""Rows of the failure catalogue, made to happen: CRIU refuses to restore.

Where another machine would be needed, the images are changed into such as it would write.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.failing import reproduces
from tests.e2e.test_catalogue_dump import CONNECTED
from tests.unit.criu.encoder import message

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.failing import Failing

pytestmark = pytest.mark.lab

LENGTH = 4
"""Bytes before a message that say how long it is."""


def patch(image: Path, before: bytes, after: bytes, *, header: int) -> None:
    """Replace the first bytes of the first message of an image by as many others."""
    content = image.read_bytes()
    at = header + LENGTH
    assert content[at:].startswith(before)
    image.write_bytes(content[:at] + after + content[at + len(before) :])


@reproduces("tcp-in-image")
def test_tcp_in_image(failing: Failing) -> None:
    container = failing.script(CONNECTED)
    failing.saved(container, "--tcp-established")
    failing.restore(container)


@reproduces("tcp-close-in-image")
def test_tcp_close_in_image(failing: Failing) -> None:
    container = failing.script(CONNECTED)
    with failing.criu_options("tcp-close"):
        failing.saved(container)
    with failing.criu_options():
        failing.restore(container)


@reproduces("mount-symlink")
def test_mount_symlink(failing: Failing) -> None:
    folder = f"/srv/{failing.bench.prefix}"
    failing.host.exec("mkdir", "-p", f"{folder}.real")
    failing.host.exec("ln", "-s", f"{folder}.real", folder)
    container = failing.script(":", f"--volume={folder}:/data")
    failing.saved(container)
    failing.restore(container)


@reproduces("file-changed")
def test_file_changed(failing: Failing) -> None:
    folder = f"/srv/{failing.bench.prefix}"
    failing.host.exec("mkdir", "-p", folder)
    container = failing.script("exec 3>/data/log", f"--volume={folder}:/data")
    failing.saved(container)
    failing.host.exec("sh", "-c", f"echo more >{folder}/log")
    found = failing.restore(container)
    assert "data/log is not as it was" in found.remedy


@reproduces("file-missing")
def test_file_missing(failing: Failing) -> None:
    folder = f"/srv/{failing.bench.prefix}"
    failing.host.exec("mkdir", "-p", folder)
    container = failing.script("exec 3>/data/log", f"--volume={folder}:/data")
    failing.saved(container)
    failing.host.exec("rm", f"{folder}/log")
    found = failing.restore(container)
    assert "data/log" in found.remedy


@reproduces("pid-in-use")
def test_pid_in_use(failing: Failing) -> None:
    """A container without PIDs of its own."""
    container = failing.script(":", "--pid=host")
    pid = int(container.inspect("{{.State.Pid}}"))
    failing.saved(container)
    taken = f"echo {pid - 1} >/proc/sys/kernel/ns_last_pid; sleep 1000 <&- >&- 2>&- & echo $!"
    assert int(failing.host.exec("sh", "-c", taken).stdout) == pid
    with failing.cleared_up("kill", str(pid)):
        failing.restore(container)


@reproduces("architecture")
def test_architecture(failing: Failing) -> None:
    container = failing.script(":")
    bundle = failing.saved(container)
    before, after = (1, 3) if os.uname().machine == "x86_64" else (3, 1)
    image = bundle / "checkpoint/core-1.img"
    patch(image, message({1: before}), message({1: after}), header=8)
    failing.restore(container)


@reproduces("images-version")
@pytest.mark.parametrize("damaged", [False, True], ids=["newer", "damaged"])
def test_images_version(failing: Failing, damaged: bool) -> None:
    container = failing.script(":")
    inventory = failing.saved(container) / "checkpoint/inventory.img"
    if damaged:
        inventory.write_bytes(bytes(len(inventory.read_bytes())))
    else:
        patch(inventory, message({1: 2}), message({1: 3}), header=4)
    failing.restore(container)


@reproduces("image-damaged")
@pytest.mark.parametrize("image", ["files.img", "pstree.img"])
def test_image_damaged(failing: Failing, image: str) -> None:
    container = failing.script(":")
    path = failing.saved(container) / "checkpoint" / image
    path.write_bytes(path.read_bytes()[:-3])
    failing.restore(container)


@reproduces("user-namespace-images")
def test_user_namespace_images(failing: Failing) -> None:
    container = failing.script(":", "--uidmap=0:100000:65536", "--network=none")
    failing.saved(container)
    failing.restore(container)
