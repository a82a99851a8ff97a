"""Where the control plane's programs come from: the user's folder, the cache, a build.

The build itself is only replaced here; every lab on a new machine does it.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from . import paths, tools
from .shell import CommandFailed, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "assets"
    folder.mkdir()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(paths, "CACHE", folder)
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return folder


def program(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_users_programs_are_preferred(folder: Path) -> None:
    for name in ("kube-apiserver", "kubectl", "etcd"):
        program(folder / name, "Kubernetes v1.32.0")

    found = tools.find()

    assert found == tools.Tools(folder / "kube-apiserver", folder / "kubectl", folder / "etcd")


def test_a_program_missing_there_is_named(folder: Path) -> None:
    program(folder / "kube-apiserver", "Kubernetes v1.35.0")
    program(folder / "kubectl", "")
    (folder / "etcd").touch(mode=0o644)

    with pytest.raises(tools.ToolError, match=rf"KUBEBUILDER_ASSETS={folder} has no program etcd"):
        tools.find()


@pytest.mark.parametrize("said", ["Kubernetes v1.31.9", "Kubernetes v0.40.0", "nonsense"])
def test_too_old_a_kubernetes_is_refused(folder: Path, said: str) -> None:
    for name in ("kube-apiserver", "kubectl", "etcd"):
        program(folder / name, said)

    with pytest.raises(tools.ToolError, match=rf"{said}, but the lab needs Kubernetes 1.32"):
        tools.find()


def test_programs_are_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[str] = []

    def build(module: tools.GoModule, target: Path) -> None:
        builds.append(module.name)
        target.mkdir()

    monkeypatch.setattr(tools, "_build", build)

    assert tools.find() == tools.find()

    assert builds == ["kubernetes", "etcd"]
    assert tools.find().etcd.is_relative_to(cache)


def test_a_failed_build_leaves_nothing_to_be_found(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(module: tools.GoModule, target: Path) -> None:
        target.mkdir()
        run("sh", "-c", "echo no space left; exit 3")

    monkeypatch.setattr(tools, "_build", build)

    for _ in range(2):
        with pytest.raises(CommandFailed, match="no space left"):
            tools.built(tools.ETCD)


def test_the_cache_is_keyed_by_version_and_by_every_dependency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tools.ETCD.cache_name()
    shutil.copytree(tools.MODULES, tmp_path / "go")
    monkeypatch.setattr(tools, "MODULES", tmp_path / "go")
    assert tools.ETCD.cache_name() == before
    assert tools.ETCD.version in before

    sums = tmp_path / "go" / "etcd" / "go.sum"
    sums.write_text(sums.read_text().replace("a", "b", 1))

    assert tools.ETCD.cache_name() != before


def test_all_of_kubernetes_is_pinned_to_one_release() -> None:
    """The staging modules are tagged v0.x.y for the release v1.x.y; a mixture does not build."""
    pins = re.findall(r"=> k8s\.io/\S+ v(\S+)", (tools.KUBERNETES.folder / "go.mod").read_text())

    assert len(pins) > 20
    assert {f"v{pin}" for pin in pins} == {tools.KUBERNETES.version.replace("v1.", "v0.", 1)}


def test_kubernetes_is_new_enough() -> None:
    numbers = tools.KUBERNETES.version.removeprefix("v").split(".")

    assert (int(numbers[0]), int(numbers[1])) >= tools.OLDEST_KUBERNETES


@pytest.mark.parametrize(
    ("installed", "chosen"),
    [("go1.26.8", "machine"), ("go1.30", "machine"), ("go1.19.8", "index"), (None, "index")],
)
def test_go_is_the_machines_if_it_is_new_enough(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: str | None,
    chosen: str,
) -> None:
    own = program(tmp_path / "go", installed) if installed else None
    monkeypatch.setattr(shutil, "which", lambda name: str(own) if own else None)
    monkeypatch.setattr(tools, "_install", lambda pins, target: target.mkdir())

    go = tools._go("1.26.8")

    assert go == own if chosen == "machine" else go.is_relative_to(cache)
