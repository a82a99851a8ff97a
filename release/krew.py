"""Builds what krew needs: the plugin's program for this platform, packed, and the manifest.

The manifest names all archives of this version that lie beside it: build on each platform, collect
the archives in one folder, and build there last.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any, Final

import yaml

CHECKOUT: Final = Path(__file__).resolve().parents[1]
NAME: Final = "podman-checkpoint"
PROGRAM: Final = "kubectl-podman_checkpoint"
COMPLETION: Final = "kubectl_complete-podman_checkpoint"
_COMPLETE: Final = f"""\
#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/{PROGRAM}" __complete "$@"
"""
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_ARCHIVE: Final = re.compile(rf"{PROGRAM}-(v[\w.+-]+)-(\w+)-(\w+)\.tar\.gz")
_CAVEATS: Final = f"""\
For completion, put the second program of the plugin into your PATH:
  ln -s "${{KREW_ROOT:-$HOME/.krew}}/store/{NAME}/VERSION/{COMPLETION}" ~/.local/bin/
"""


def main() -> None:
    """Build for this platform and write the manifest."""
    parser = argparse.ArgumentParser(prog="python -m release.krew", description=__doc__)
    parser.add_argument("--url", required=True, help="where the archives are published")
    parser.add_argument("--into", type=Path, default=CHECKOUT / "dist", help="default: dist/")
    arguments = parser.parse_args()
    arguments.into.mkdir(parents=True, exist_ok=True)
    print(build(arguments.into))
    file = arguments.into / f"{NAME}.yaml"
    found = manifest(arguments.into, arguments.url)
    file.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    print(file)


def version() -> str:
    """Return this release as krew writes it."""
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        return f"v{tomllib.load(file)['project']['version']}"


def build(into: Path) -> Path:
    """Build the program for this platform, and return the archive that holds it."""
    machine = _ARCHITECTURES[platform.machine()]
    archive = into / f"{PROGRAM}-{version()}-{sys.platform}-{machine}.tar.gz"
    with tempfile.TemporaryDirectory() as scratch:
        program = _frozen(Path(scratch))
        (program / COMPLETION).write_text(_COMPLETE, encoding="utf-8")
        (program / COMPLETION).chmod(0o755)
        (program / "LICENSE").write_bytes((CHECKOUT / "LICENSE").read_bytes())
        # krew refuses links.
        with tarfile.open(archive, "w:gz", dereference=True) as packed:
            packed.add(program, arcname=".", filter=_anonymous)
    return archive


def manifest(folder: Path, url: str) -> dict[str, Any]:
    """Return krew's manifest for the archives of this version in a folder.

    Args:
        folder: where they are.
        url: where they will be published.
    """
    platforms = []
    for archive in sorted(folder.iterdir()):
        if (match := _ARCHIVE.fullmatch(archive.name)) and match[1] == version():
            platforms.append(
                {
                    "selector": {"matchLabels": {"os": match[2], "arch": match[3]}},
                    "uri": f"{url.rstrip('/')}/{archive.name}",
                    "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
                    "bin": PROGRAM,
                }
            )
    return {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": NAME},
        "spec": {
            "version": version(),
            "shortDescription": "Checkpoint and restore running Podman containers",
            "description": "Creates, watches, explains and restores checkpoints of running Podman"
            " containers. Needs the Podman Checkpoint Operator in the cluster.\n",
            "caveats": _CAVEATS.replace("VERSION", version()),
            "platforms": platforms,
        },
    }


def _frozen(scratch: Path) -> Path:
    """Return the folder of a program with all that it needs, Python included."""
    product = scratch / "product"
    _run(scratch, "-m", "hatchling", "build", "--target=wheel", f"--directory={scratch}")
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(product)
    _run(
        product,
        *("-m", "PyInstaller", "--log-level=ERROR", "--noconfirm", "--onedir", f"--name={PROGRAM}"),
        *("--copy-metadata=podman-checkpoint-operator", f"--paths={product}"),
        *(f"--distpath={scratch}/dist", f"--workpath={scratch}/work", f"--specpath={scratch}"),
        str(CHECKOUT / "release" / "plugin.py"),
    )
    return scratch / "dist" / PROGRAM


def _run(python_path: Path, *words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(python_path)}
    subprocess.run((sys.executable, *words), cwd=CHECKOUT, env=environment, check=True)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Take out whose files these were, and when: the same program is the same archive."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member


if __name__ == "__main__":
    main()
