"""The agent's program for the namespaced hosts: its dependencies and the product itself.

Both are folders that every host sees read-only below :data:`FOLDER_IN_HOST`. The dependencies are
the locked ones. The product is what its wheel holds, so that a file that packaging forgets is
missed here too.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import Marker

from . import base, paths
from .cache import built_once, digest
from .locks import locked
from .releases import STABLE, Release
from .shell import run

FOLDER: Final = paths.STATE / "agent"
FOLDER_IN_HOST: Final = Path("/opt/podman-checkpoint-agent")
REQUIREMENTS: Final = paths.CHECKOUT / "requirements" / "agent.txt"
SOURCES: Final = paths.CHECKOUT / "operator"

FAULT_SOURCE: Final = Path(__file__).with_name("fault.py")
FAULT_VARIABLE: Final = "PODMAN_CHECKPOINT_LAB_FAULT"
"""Set for one start of an agent, it starts ``fault.py``, which kills the agent at a chosen step."""

COMPILE: Final = """\
mount --bind "$1" "$0/mnt"
mount -t proc proc "$0/proc"
exec chroot "$0" python3 -m compileall -q -j 0 -s /mnt -p "$2" /mnt
"""


@dataclass(frozen=True)
class Launch:
    """How a host starts the agent."""

    python_path: str
    script: str
    """The text of the command ``podman-checkpoint-agent``."""
    fault_command: tuple[str, ...] = ("python3", str(FOLDER_IN_HOST / FAULT_SOURCE.name))


def prepare(release: Release = STABLE) -> Launch:
    """Bring dependencies and product, as the checkout has them now, to where the hosts see them."""
    with locked(paths.STATE / "locks" / "agent"):
        names = (_product(release), _dependencies(release))
        if FAULT_SOURCE.exists():
            shutil.copyfile(FAULT_SOURCE, FOLDER / FAULT_SOURCE.name)
    python_path = ":".join(str(FOLDER_IN_HOST / name) for name in names)
    script = (
        f"#!/bin/sh\nPYTHONPATH={python_path}"
        ' exec python3 -m podman_checkpoint_operator.cli.main "$@"\n'
    )
    return Launch(python_path=python_path, script=script)


def _dependencies(release: Release) -> str:
    """Make sure of the folder with the locked dependencies, and return its name."""
    requirements = for_hosts(REQUIREMENTS.read_text(), release.python)
    name = f"deps-{digest(requirements, release.python)}"
    if not (FOLDER / name).exists():
        cached = built_once(
            f"agent-{name}",
            lambda target: _install(requirements, target, release),
            note="the agent's dependencies",
        )
        # A copy, because the hosts see one folder of the lab and nothing of the cache.
        with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
            run("cp", "-a", cached, Path(scratch) / name)
            (Path(scratch) / name).rename(FOLDER / name)
    return name


def for_hosts(lock: str, python: str) -> str:
    """Resolve the environment markers of a lock file for the hosts' Python.

    pip resolves them for the Python that it runs on itself.
    """
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    kept = []
    # One requirement goes over several lines, with its hashes on those that are indented.
    for entry in re.split(r"\n(?=\S)", lock):
        line, _, hashes = entry.partition("\n")
        requirement, _, marker = line.rstrip("\\ ").partition(" ; ")
        if not marker or Marker(marker).evaluate(environment):
            kept.append(f"{requirement} \\\n{hashes}" if hashes else requirement)
    return "\n".join(kept)


def for_pip(release: Release) -> tuple[str, ...]:
    """Options of pip for wheels that a release's Python can install."""
    tags = ("_2_28", "_2_17", "2014")
    platforms = (f"--platform=manylinux{tag}_{platform.machine()}" for tag in tags)
    return ("--only-binary=:all:", f"--python-version={release.python}", *platforms)


def _install(requirements: str, target: Path, release: Release) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        run(
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
            *for_pip(release),
            *("--require-hashes", "--target", target, "-r", file.name),
        )
    _compile(target, FOLDER_IN_HOST / "deps", release)


def _product(release: Release) -> str:
    """Make sure of the folder with the product's present code, and return its name."""
    name = f"product-{code_digest()}-{release.python}"
    if not (FOLDER / name).exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
            run(
                *(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch),
                cwd=paths.CHECKOUT,
                env={**os.environ, "PYTHONPATH": ""},
            )
            (wheel,) = Path(scratch).glob("*.whl")
            unpacked = Path(scratch) / name
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked)
            _compile(unpacked, FOLDER_IN_HOST / name, release)
            unpacked.rename(FOLDER / name)
    return name


def code_digest() -> str:
    """Tell one state of the product's code from another."""
    code = hashlib.sha256()
    for path in (paths.CHECKOUT / "pyproject.toml", *sorted(SOURCES.rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts:
            code.update(f"{path.relative_to(paths.CHECKOUT)}\0".encode() + path.read_bytes())
    return code.hexdigest()[:8]


def _compile(folder: Path, folder_in_host: Path, release: Release) -> None:
    """Compile for the hosts' Python, which finds the folder read-only and could not keep it."""
    namespace = ("unshare", "--mount", "--")
    run(*namespace, "sh", "-ec", COMPILE, base.base(release), folder, folder_in_host)
