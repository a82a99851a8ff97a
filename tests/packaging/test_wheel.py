"""The wheel holds the product and nothing else, and installs with commands that start.

Not here: that what it holds runs. The lab's agents run from the unpacked wheel.
"""

from __future__ import annotations

import configparser
import importlib
import sys
import zipfile
from email.parser import Parser

import pytest

from tests.lab.paths import CHECKOUT
from tests.lab.shell import run

PACKAGE = "podman_checkpoint_operator"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel as a user gets it, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "hatchling", "build", "--target=wheel")
    run(*build, f"--directory={folder}", cwd=CHECKOUT)
    (file,) = folder.glob("*.whl")
    return zipfile.Path(file)


def metadata_file(wheel: zipfile.Path, name: str) -> str:
    (folder,) = (each for each in wheel.iterdir() if each.name.endswith(".dist-info"))
    return (folder / name).read_text(encoding="utf-8")


def test_it_holds_every_module_and_the_type_marker(wheel: zipfile.Path) -> None:
    source = CHECKOUT / "operator"
    tracked = run("git", "ls-files", "operator", cwd=CHECKOUT).stdout.split()
    expected = {str((CHECKOUT / name).relative_to(source)) for name in tracked}

    packed = set(wheel.root.namelist())
    assert expected <= packed
    assert f"{PACKAGE}/py.typed" in packed


def test_it_holds_nothing_else(wheel: zipfile.Path) -> None:
    """No tests, and no package called ``operator``, which would hide the standard library's."""
    assert {each.partition("/")[0].partition("-")[0] for each in wheel.root.namelist()} == {PACKAGE}
    files = [each.rpartition("/")[2] for each in wheel.root.namelist()]
    assert not [each for each in files if each.startswith(("test_", "conftest"))]
    assert not [each for each in files if each.endswith(".pyc")]


COMMANDS = (
    "podman-checkpoint-agent",
    "podman-checkpoint-hold",
    "kubectl-podman_checkpoint",
    "kubectl_complete-podman_checkpoint",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_start(wheel: zipfile.Path, command: str) -> None:
    scripts = configparser.ConfigParser()
    scripts.read_string(metadata_file(wheel, "entry_points.txt"))

    module, _, function = scripts["console_scripts"][command].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_its_metadata(wheel: zipfile.Path) -> None:
    metadata = Parser().parsestr(metadata_file(wheel, "METADATA"))

    assert metadata["Name"] == "podman-checkpoint-operator"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload(), "the README is shown by package indexes"
    needed = {each.partition(" ")[0] for each in metadata.get_all("Requires-Dist", [])}
    assert not [each for each in needed if "pytest" in each or "hypothesis" in each]
