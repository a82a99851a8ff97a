"""What CRIU's images say of processes, files, sockets, mounts and memory; and what they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podman_checkpoint_operator.api.archive_report import CheckpointReport
from podman_checkpoint_operator.criu import images, snapshot
from podman_checkpoint_operator.criu.snapshot import Snapshot, is_read
from podman_checkpoint_operator.criu.snapshot_report import Sizes, report
from tests.unit.criu.checkpoint_images import IMAGES, SECRET
from tests.unit.criu.encoder import image, message


def shown(files: dict[str, bytes]) -> CheckpointReport:
    found, sizes = Snapshot(), Sizes()
    for name, content in files.items():
        sizes.add(name, len(content))
        found.take(name, content)
    return report(found, sizes, time=None)


def test_processes_come_parents_first() -> None:
    processes = shown(IMAGES).processes
    assert [(each.pid, each.ppid, each.comm, each.uid, each.threads) for each in processes] == [
        (1, 0, "sh", 0, 2),
        (8, 1, "server", 999, 1),
        (5, 8, None, None, 1),
    ]


def test_a_process_has_its_program_and_memory() -> None:
    first, second, third = shown(IMAGES).processes
    assert (first.executable, first.virtual_bytes) == ("/bin/busybox", 0x8000)
    # Pages of an earlier checkpoint, and such as come later, are not in this one.
    assert first.memory_bytes == 5 * 4096
    assert second.memory_bytes is None
    assert third.executable is None


def test_open_files_are_described() -> None:
    first, second, third = shown(IMAGES).processes
    assert [(each.fd, each.type, each.path) for each in first.files] == [
        (0, "file", "/tmp/\\xff\x1b[31m"),
        (1, "pipe", "pipe:4711"),
        (2, "tty", None),
    ]
    assert [(each.fd, each.type, each.path) for each in second.files] == [
        (0, "inet", "127.0.0.1:7777 -> 127.0.0.1:41010"),
        (1, "inet", "127.0.0.1:7777"),
        (2, "unix", "@abstract"),
        (3, "epoll", None),
    ]
    assert third.files == ()


def test_sockets_name_their_holders() -> None:
    found = shown(IMAGES)
    assert found.connections == 1
    assert [(s.protocol, s.state, s.local, s.remote, s.pids) for s in found.sockets] == [
        ("tcp", "established", "127.0.0.1:7777", "127.0.0.1:41010", (8,)),
        ("tcp", "listen", "127.0.0.1:7777", None, (8,)),
        ("unix", "close", "@abstract", None, (8,)),
    ]


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ([0, 0, 0, 0x01000000], "[::1]:80"),
        ([0, 0, 0xFFFF0000, 0x0100007F], "127.0.0.1:80"),
        ([1, 2], None),
    ],
)
def test_addresses(words: list[int], address: str | None) -> None:
    socket = message({3: 10, 5: 6, 6: 10, 7: 80, 11: words})
    (found,) = shown({"files.img": image(images.FILES, message({1: 4, 2: 1, 4: socket}))}).sockets
    assert found.local == address


def test_mounts_locks_and_sizes() -> None:
    found = shown(IMAGES)
    assert [(each.mountpoint, each.type, each.external) for each in found.mounts] == [
        ("/", "overlay", False),
        ("/data", None, True),
    ]
    assert (found.file_locks, found.ghost_files, found.ghost_bytes) == (2, 1, 100)
    assert found.memory_bytes == len(IMAGES["pages-1.img"])
    assert found.images_bytes == sum(map(len, IMAGES.values()))


def test_nothing_of_memory_or_mount_options_is_told() -> None:
    assert SECRET not in str(shown(IMAGES).dump())


def test_the_order_of_images_does_not_matter() -> None:
    assert shown(dict(reversed(IMAGES.items()))) == shown(IMAGES)


def test_a_circle_of_parents_ends() -> None:
    tree = image(images.PSTREE, message({1: 1, 2: 2}), message({1: 2, 2: 1}), message({1: 3, 2: 3}))
    assert [each.pid for each in shown({"pstree.img": tree}).processes] == [3]


@pytest.mark.parametrize(
    "damaged", [b"", b"abcd", image(1), IMAGES["files.img"][:-3], IMAGES["files.img"] + b"\1\0\0"]
)
def test_a_damaged_image_is_an_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"truncated|magic"):
        Snapshot().take("files.img", damaged)


def test_too_much_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_RECORDS", 3)
    with pytest.raises(ValueError, match="more than 3"):
        Snapshot().take("files.img", IMAGES["files.img"])


def test_other_images_are_not_looked_at() -> None:
    assert not is_read("pages-1.img")
    assert not is_read("ghost-file-1.img")
    assert not is_read("core-1.img.bak")
    Snapshot().take("seccomp.img", b"anything")


@given(st.sampled_from(sorted(IMAGES)), st.integers(0), st.binary(min_size=1, max_size=8))
def test_any_damage_is_survived(name: str, at: int, patch: bytes) -> None:
    content = bytearray(IMAGES[name])
    at %= len(content)
    content[at : at + len(patch)] = patch
    try:
        assert shown({**IMAGES, name: bytes(content)}).dump()
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either way is right
