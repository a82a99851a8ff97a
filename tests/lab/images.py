"""Container images for the tests, made without a registry.

Each is an archive as ``podman save`` writes it, made once per machine. A restore wants the image
that the checkpoint was made with, by name and by ID, so all hosts load the same archive.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import base as debian
from .cache import built_once, digest
from .shell import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATE_FILE: Final = "/opt/app/state.txt"
STATE_FILE_TEXT: Final = "from the image\n"
"""A file that comes with the image, for tests in which the container changes it."""

ACCOUNTS: Final = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}

# The shell itself holds the file: a child may not outlive a restore, which interrupts its sleep.
GHOSTWRITER: Final = """\
#!/bin/sh
# Holds a deleted, open file, as SQL Server does, and counts.
# usage: ghostwriter [SIZE]    in bytes; without it, what a real SQL Server held
size=${1:-20975616}
folder=/var/opt/mssql/.system/profiles/Temp
file=$folder/$(head -c 16 /dev/urandom | md5sum | cut -d ' ' -f 1)
trap 'exit 0' TERM INT
mkdir -p "$folder"
exec 3>"$file"
head -c "$size" /dev/zero >&3
rm "$file"
echo "$file is deleted and open, $size bytes"
count=0
while :; do
	echo "$count"
	count=$((count + 1))
	sleep 1 3>&- &
	wait $!
done
"""

MAPWRITER: Final = Path(__file__).with_name("mapwriter.c")

TREES: Final = 25
"""How many histories an image ``trees`` has trees for: /image/00, /image/01, ..."""

POSTGRES_DATA: Final = "/var/lib/postgresql/data"
POSTGRES_SOCKETS: Final = "/run/postgresql"
POSTGRES_CONF: Final = f"""\
listen_addresses = '*'
unix_socket_directories = '{POSTGRES_SOCKETS}'
jit = off
"""
POSTGRES_HBA: Final = "local all all trust\nhost all all all trust\n"

# A session that `podman exec` opened would be no part of a checkpoint; this one is.
WITH_SESSION: Final = """\
#!/bin/sh
# PostgreSQL, and a client session of the same container that stays open: SQL written to
# /tmp/session.in is run in it, and what it answers is appended to /tmp/session.out.
postgres "$@" &
server=$!
trap 'kill -INT "$server"' TERM INT
until pg_isready --quiet; do sleep 0.1; done
mkfifo /tmp/session.in
# Opened for reading and writing, so that it never ends.
psql --no-psqlrc --tuples-only --no-align <>/tmp/session.in >>/tmp/session.out 2>&1 &
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
"""


UNITS: Final = "usr/lib/systemd/system"
SYSTEMD_PROGRAMS: Final = ("systemd", "systemd-executor", "systemd-journald", "systemd-shutdown")
SYSTEMD_UNITS: Final = (
    *("basic.target", "sysinit.target", "sockets.target", "shutdown.target", "umount.target"),
    *("final.target", "exit.target", "systemd-exit.service", "poweroff.target"),
    *("systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket"),
)
COUNT_TARGET: Final = """\
[Unit]
Requires=sysinit.target count.service systemd-journald.service
After=count.service systemd-journald.service
"""
COUNT_SERVICE: Final = """\
[Service]
ExecStart=/bin/sh -c 'n=0; while :; do echo $$n >>/counts; n=$$((n + 1)); sleep 0.1; done'
"""


class ImageError(RuntimeError):
    """There is no such image."""


@dataclass(frozen=True)
class Image:
    """An image in the cache."""

    name: str
    archive: Path
    """For ``podman load``."""

    @property
    def tag(self) -> str:
        return f"localhost/lab/{self.name}:1"

    def identifier(self) -> str:
        """The image ID, 64 hex digits: the digest of the configuration, which names its file."""
        with tarfile.open(self.archive) as archive:
            manifest = archive.extractfile("manifest.json")
            assert manifest is not None
            config: str = json.load(manifest)[0]["Config"]
        return config.removesuffix(".json")


@dataclass(frozen=True)
class _Recipe:
    build: Callable[[Path], None]
    """Makes the root file system in a folder that does not exist."""
    files: Mapping[str, str]
    config: Mapping[str, Any]
    """What ``podman image inspect`` shows as ``Config``."""
    upper: Callable[[Path], None] | None = None
    """Makes a second layer, as a tar of a layer has it, in a folder that does not exist."""

    def digest(self) -> str:
        upper = (inspect.getsource(self.upper),) if self.upper else ()
        return digest(inspect.getsource(self.build), dict(self.files), dict(self.config), *upper)


def image(name: str) -> Image:
    """One of the lab's images, built on first use.

    Raises:
        ImageError: if there is none of this name.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise ImageError(f"the lab has no image {name!r}, only {', '.join(sorted(RECIPES))}")

    def build(archive: Path) -> None:
        with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
            root = Path(scratch) / "root"
            recipe.build(root)
            for path, text in recipe.files.items():
                debian.write(root / path, text, mode=0o755 if "/bin/" in path else 0o644)
            layers = [root]
            if recipe.upper is not None:
                layers.append(Path(scratch) / "upper")
                recipe.upper(layers[-1])
            _pack(layers, tag=f"localhost/lab/{name}:1", config=recipe.config, archive=archive)

    archive = built_once(f"image-{name}-{recipe.digest()}.tar", build, note=f"the image {name}")
    return Image(name, archive)


def _busybox(root: Path) -> None:
    for folder in ("bin", "dev", "etc", "opt", "proc", "root", "run", "sys", "tmp", "usr", "var"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copy(debian.base() / "usr/bin/busybox", root / "bin/busybox")
    for applet in run(root / "bin/busybox", "--list").stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")


def _programs(root: Path) -> None:
    """Busybox, and what a shell cannot do."""
    _busybox(root)
    (root / "usr/bin").mkdir()
    run("gcc", "-O2", "-Wall", "-static", "-o", root / "usr/bin/mapwriter", MAPWRITER)


def _trees(root: Path) -> None:
    """Busybox, and the same small tree for each of many histories."""
    _busybox(root)
    for number in range(TREES):
        tree = root / "image" / f"{number:02}"
        (tree / "a/a").mkdir(parents=True)
        (tree / "a/a/a").write_text("file")
        (tree / "a/b").symlink_to("a/a")
        (tree / "a/\udcff").write_text("not UTF-8")
        (tree / "b").write_text("file")
        (tree / "c.d").write_text("deleted by the upper layer")
        (tree / "d/old").mkdir(parents=True)
        (tree / "linked").write_text("one file of two names")
        (tree / "other-name").hardlink_to(tree / "linked")


def _trees_changed(layer: Path) -> None:
    """What a build would have changed in :func:`_trees`, by the notes of a layer's tar."""
    for number in range(TREES):
        tree = layer / "image" / f"{number:02}"
        (tree / "a/a").mkdir(parents=True)
        (tree / "a/a/b").write_text("of the upper layer")
        (tree / ".wh.c.d").touch()
        (tree / "d").mkdir()
        (tree / "d/.wh..wh..opq").touch()
        (tree / "d/new").write_text("alone in its directory")


def _postgres(root: Path) -> None:
    debian.debian(root)
    # Without the cluster that the package would make: initdb below makes a plainer one.
    debian.write(root / "etc/postgresql-common/createcluster.conf", "create_main_cluster = false\n")
    debian.install(root, "postgresql", "-o", "Dpkg::Options::=--force-confold")
    (programs,) = (root / "usr/lib/postgresql").glob("*/bin")
    for program in programs.iterdir():
        (root / "usr/local/bin" / program.name).symlink_to(f"/{program.relative_to(root)}")
    for folder in (POSTGRES_DATA, POSTGRES_SOCKETS):
        debian.inside(
            root, "install", "-d", "-o", "postgres", "-g", "postgres", "-m", "700", folder
        )
    initdb = "initdb --pgdata=$0 --auth=trust --encoding=UTF8 --locale=C.UTF-8"
    debian.inside(root, "su", "postgres", "-s", "/bin/sh", "-c", initdb, POSTGRES_DATA)
    debian.clean(root)
    # The just-in-time compiler, which would be half of the image.
    for library in ("libLLVM*", "libz3*"):
        for path in (root / "usr/lib").glob(f"*-linux-gnu/{library}"):
            path.unlink()


def _python(root: Path) -> None:
    """Debian's Python with venv: what the project's Containerfile needs of its base image."""
    debian.debian(root)
    debian.install(root, "ca-certificates", "python3", "python3-venv")
    debian.clean(root)


def _systemd(root: Path) -> None:
    """Busybox, and Debian's systemd with its journal: a whole Debian takes a guest long to load."""
    _busybox(root)
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        debian_root = Path(scratch) / "root"
        debian.debian(debian_root)
        debian.install(debian_root, "systemd")
        programs = [f"usr/lib/systemd/{name}" for name in SYSTEMD_PROGRAMS]
        programs += ["usr/bin/systemctl", "usr/bin/journalctl"]
        shown = run("chroot", debian_root, "ldd", *(f"/{program}" for program in programs)).stdout
        # In Debian, /lib is a link to /usr/lib.
        libraries = {f"usr/{path}" for path in re.findall(r"/(lib\S*/\S+) \(0x", shown)}
        for folder in ("lib", "lib64"):
            (root / folder).symlink_to(f"usr/{folder}")
        for name in (*programs, *sorted(libraries)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(debian_root / name, root / name)
        for name in SYSTEMD_UNITS:
            (root / UNITS).mkdir(exist_ok=True)
            shutil.copy(debian_root / UNITS / name, root / UNITS)


def _pack(layers: list[Path], *, tag: str, config: Mapping[str, Any], archive: Path) -> None:
    """Write folders as the layers of an image, lowest first, in the format of ``podman save``."""
    tars = [folder.with_name(f"{folder.name}.tar") for folder in layers]
    digests = []
    for folder, layer in zip(layers, tars, strict=True):
        run("tar", "--create", "--numeric-owner", "--sort=name", "--file", layer, "-C", folder, ".")
        with layer.open("rb") as file:
            digests.append(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
    architecture = run("dpkg", "--print-architecture").stdout.strip()
    settings = json.dumps(
        {
            "created": "2020-01-01T00:00:00Z",
            "architecture": architecture,
            "os": "linux",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": digests},
        }
    ).encode()
    settings_name = f"{hashlib.sha256(settings).hexdigest()}.json"
    manifest = [{"Config": settings_name, "RepoTags": [tag], "Layers": [tar.name for tar in tars]}]
    with tarfile.open(archive, "w") as output:
        for name, data in (
            ("manifest.json", json.dumps(manifest).encode()),
            (settings_name, settings),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            output.addfile(member, io.BytesIO(data))
        for layer in tars:
            output.add(layer, layer.name)


_BUSYBOX_FILES: Final = {**ACCOUNTS, STATE_FILE[1:]: STATE_FILE_TEXT}
_ENV: Final = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]

RECIPES: Final[Mapping[str, _Recipe]] = {
    "busybox": _Recipe(_busybox, _BUSYBOX_FILES, {"Env": _ENV, "Cmd": ["sh"]}),
    "ghostwriter": _Recipe(
        _busybox,
        {**_BUSYBOX_FILES, "usr/local/bin/ghostwriter": GHOSTWRITER},
        {"Env": _ENV, "Entrypoint": ["ghostwriter"]},
    ),
    "python": _Recipe(_python, {}, {"Env": _ENV, "Cmd": ["python3"]}),
    "programs": _Recipe(_programs, _BUSYBOX_FILES, {"Env": _ENV, "Cmd": ["sh"]}),
    "trees": _Recipe(_trees, _BUSYBOX_FILES, {"Env": _ENV, "Cmd": ["sh"]}, _trees_changed),
    "systemd": _Recipe(
        _systemd,
        {
            **_BUSYBOX_FILES,
            f"{UNITS}/default.target": COUNT_TARGET,
            f"{UNITS}/count.service": COUNT_SERVICE,
        },
        {"Env": _ENV, "Cmd": ["/usr/lib/systemd/systemd"], "StopSignal": "SIGRTMIN+3"},
    ),
    "postgres": _Recipe(
        _postgres,
        {
            f"{POSTGRES_DATA[1:]}/postgresql.conf": POSTGRES_CONF,
            f"{POSTGRES_DATA[1:]}/pg_hba.conf": POSTGRES_HBA,
            "usr/local/bin/postgres-with-session": WITH_SESSION,
        },
        {
            "Env": [*_ENV, f"PGDATA={POSTGRES_DATA}", "LANG=C.UTF-8"],
            "User": "postgres",
            "Entrypoint": ["postgres"],
            "ExposedPorts": {"5432/tcp": {}},
            "StopSignal": "SIGINT",
        },
    ),
}
