"""How an agent sees its host, each a process with mounts of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from podman_checkpoint_operator.decisions.host_files import Sight
from podman_checkpoint_operator.host import proc

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(proc.__file__).parents[2]
LOOK: Final = """\
import sys
from pathlib import Path
from podman_checkpoint_operator.decisions.host_files import Place
from podman_checkpoint_operator.host.own_view import sight
proc, path, *needed = sys.argv[1:]
place = Place(Path(path), "it is", **dict.fromkeys(needed, True))
print(sight(Path("/"), place, proc=Path(proc)).name)
"""
BOTH: Final = ("written", "followed")
BOUND: Final = 'mount --bind "$0" "$0"'
READ_ONLY: Final = f'{BOUND}; mount -o remount,bind,ro "$0"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of the host."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@contextmanager
def host(folder: Path, script: str, propagation: str = "shared") -> Iterator[int]:
    """Yield the ID of the host's first process, which runs a script on a directory first."""
    # Apart from this machine's own mounts first, which may be shared already.
    command = ("unshare", "--mount", "--propagation=private", "sh", "-ec")
    script = f"mount --make-r{propagation} /; {script}; echo; exec sleep 60"
    with subprocess.Popen([*command, script, folder], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def seen(first: int, folder: Path, *needed: str, script: str = ":", propagation: str) -> Sight:
    """Return how an agent sees a directory that was started beside the host's first process."""
    fake = folder.with_name("proc")
    fake.mkdir()
    (fake / "1").symlink_to(f"/proc/{first}")
    (fake / "self").symlink_to("/proc/self")
    done = subprocess.run(
        [
            *("nsenter", f"--target={first}", "--mount"),
            *("unshare", "--mount", f"--propagation={propagation}"),
            *("sh", "-ec", f'{script}; shift; exec "$@"', str(folder), "-"),
            *(sys.executable, "-c", LOOK, str(fake), str(folder), *needed),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
    )
    return Sight[done.stdout.strip()]


def test_as_the_host_does(folder: Path) -> None:
    with host(folder, BOUND) as first:
        assert seen(first, folder, *BOTH, propagation="slave") is Sight.CLEAR


def test_what_is_on_neither_is_no_trouble(folder: Path) -> None:
    with host(folder, ":") as first:
        absent = folder.with_name("absent")
        assert seen(first, absent, *BOTH, propagation="slave") is Sight.CLEAR


def test_something_else_in_its_place(folder: Path) -> None:
    with host(folder, ":") as first:
        over = 'mount -t tmpfs other "$0"'
        assert seen(first, folder, script=over, propagation="private") is Sight.HIDDEN


@pytest.mark.parametrize(
    ("needed", "expected"), [(["written"], Sight.READ_ONLY), ([], Sight.CLEAR)]
)
def test_not_to_be_written_to(folder: Path, needed: list[str], expected: Sight) -> None:
    with host(folder, ":") as first:
        assert seen(first, folder, *needed, script=READ_ONLY, propagation="slave") is expected


@pytest.mark.parametrize(
    ("needed", "expected"), [(["written"], Sight.UNWRITABLE), (["followed"], Sight.CLEAR)]
)
@pytest.mark.parametrize("absent", [False, True])
def test_what_the_host_itself_cannot_write_to(
    folder: Path, absent: bool, needed: list[str], expected: Sight
) -> None:
    place = folder / "absent" if absent else folder
    with host(folder, READ_ONLY) as first:
        found = seen(first, place, *needed, propagation="slave")
    assert found is expected


@pytest.mark.parametrize(
    ("hosts", "needed", "expected"),
    [
        ("shared", ["followed"], Sight.FIXED),
        ("shared", ["written"], Sight.CLEAR),
        # Without systemd; there is nothing that could be followed.
        ("private", ["followed"], Sight.CLEAR),
    ],
)
def test_not_to_be_followed(folder: Path, hosts: str, needed: list[str], expected: Sight) -> None:
    with host(folder, BOUND, propagation=hosts) as first:
        assert seen(first, folder, *needed, propagation="private") is expected


def test_the_nearest_mount_counts_and_the_last_of_several(tmp_path: Path) -> None:
    lines = (
        "1 0 8:1 / / rw shared:1 - ext4 /dev/a rw",
        "2 1 8:2 / /srv rw - ext4 /dev/b rw",
        "3 1 8:3 / /srv rw master:7 - ext4 /dev/c rw",
        r"4 1 8:4 / /with\040space rw - ext4 /dev/d rw",
    )
    (tmp_path / "mountinfo").write_text("".join(f"{line}\n" for line in lines))
    found = {
        path: proc.propagation(tmp_path, Path(path))
        for path in ("/", "/srv", "/srv/data", "/srvs", "/with space/x")
    }
    assert found == {
        "/": ["shared:1"],
        "/srv": ["master:7"],
        "/srv/data": ["master:7"],
        "/srvs": ["shared:1"],
        "/with space/x": [],
    }
