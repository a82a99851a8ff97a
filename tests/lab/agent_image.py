"""The project's image, built on a host of the lab by its own Podman, as docs/install.md says.

The hosts reach no registry and no package index: the base image is the lab's ``python``, and pip
finds the locked packages in a folder.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import agents, images, paths
from .cache import built_once, digest
from .releases import STABLE
from .shell import run

if TYPE_CHECKING:
    from .hosts import NamespacedHost

IMAGE: Final = "localhost/podman-checkpoint-operator:latest"
BASE: Final = "python"
LABEL: Final = "lab.context"
"""Says what an image was built from."""
CONTEXT: Final = "/var/tmp/podman-checkpoint-operator"
WHEELS: Final = f"{CONTEXT}.wheels"
PIP_CONF: Final = "[global]\nno-index = true\nfind-links = /wheels\n"
LOCKS: Final = ("agent.txt", "build.txt")

# A machine without CAP_SYS_RESOURCE cannot raise them to what Podman gives a build.
LIMITS: Final = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096")


def build(host: NamespacedHost) -> None:
    """Build the image from the checkout as it is, unless the host has just that."""
    ignore = (paths.CHECKOUT / ".containerignore").read_text().splitlines()
    names = [line[1:] for line in ignore if line.startswith("!")]
    context = _packed(paths.CHECKOUT, "Containerfile", ".containerignore", *names)
    wanted = hashlib.sha256(context).hexdigest()
    template = f'{{{{index .Labels "{LABEL}"}}}}'
    shown = host.exec("podman", "image", "inspect", "-f", template, IMAGE, check=False)
    if shown.stdout.strip() == wanted:
        return
    host.load_image(BASE)
    host.exec("rm", "-rf", CONTEXT, WHEELS)
    try:
        _unpack(host, CONTEXT, context)
        _unpack(host, WHEELS, _packed(_wheels(), "."))
        host.exec("sh", "-c", 'cat >"$0"', f"{WHEELS}/pip.conf", stdin=PIP_CONF)
        host.exec(
            *(
                "podman",
                "build",
                f"--tag={IMAGE}",
                f"--label={LABEL}={wanted}",
                "--layers=false",
                *LIMITS,
            ),
            f"--build-arg=BASE={images.image(BASE).tag}",
            f"--volume={WHEELS}:/wheels:ro",
            f"--volume={WHEELS}/pip.conf:/etc/pip.conf:ro",
            CONTEXT,
        )
    finally:
        host.exec("rm", "-rf", CONTEXT, WHEELS)


def _packed(folder: Path, *names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.add(folder / name, name, filter=_without_traces)
    return packed.getvalue()


def _unpack(host: NamespacedHost, folder: str, packed: bytes) -> None:
    script = 'mkdir "$0" && exec tar --extract --directory "$0"'
    host.exec("sh", "-c", script, folder, stdin=packed)


def _without_traces(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what differs between two checkouts of the same content."""
    if Path(member.name).name == "__pycache__":
        return None
    member.uid = member.gid = 0
    member.mtime = 0
    return member


def _wheels() -> Path:
    requirements = [
        agents.for_hosts((paths.CHECKOUT / "requirements" / name).read_text(), STABLE.python)
        for name in LOCKS
    ]
    return built_once(
        f"wheels-{digest(*requirements)}",
        lambda target: _download(requirements, target),
        note="the packages of the image",
    )


def _download(requirements: list[str], target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch) / name for name in LOCKS]
        for file, text in zip(files, requirements, strict=True):
            file.write_text(text)
        run(
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *agents.for_pip(STABLE),
            *("--require-hashes", "--dest", target),
            *(f"--requirement={file}" for file in files),
        )
