"""The vfs driver's trees are found by what its store notes of containers and layers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from podman_checkpoint_operator.podman import vfs_store

STORE: Final = Path("/var/lib/containers/storage")
BUNDLE: Final = STORE / "vfs-containers/57a6/userdata"
LAYERS: Final = [{"id": "image"}, {"id": "container", "parent": "image"}]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = tmp_path / STORE.relative_to("/")
    for name in ("vfs-containers", "vfs-layers", "vfs/dir/image", "vfs/dir/container"):
        (store / name).mkdir(parents=True)
    note(tmp_path, "vfs-containers/containers.json", [{"id": "57a6", "layer": "container"}])
    note(tmp_path, "vfs-layers/layers.json", LAYERS)
    return tmp_path


def note(root: Path, name: str, content: Any) -> None:
    (root / STORE.relative_to("/") / name).write_text(json.dumps(content))


def test_the_trees_of_a_container_and_its_image(root: Path) -> None:
    trees = vfs_store.trees(BUNDLE, "57a6", root=root)
    assert trees == (STORE / "vfs/dir/container", STORE / "vfs/dir/image")


def test_a_layer_that_does_not_outlive_a_reboot(root: Path) -> None:
    note(root, "vfs-layers/layers.json", LAYERS[:1])
    note(root, "vfs-layers/volatile-layers.json", LAYERS[1:])
    assert vfs_store.trees(BUNDLE, "57a6", root=root)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vfs-containers/containers.json", []),
        ("vfs-containers/containers.json", None),
        ("vfs-layers/layers.json", LAYERS[:1]),
        ("vfs-layers/layers.json", [{"id": "container", "parent": "in-another-store"}]),
    ],
)
def test_a_store_that_has_not_both(root: Path, name: str, content: Any) -> None:
    note(root, name, content)
    assert vfs_store.trees(BUNDLE, "57a6", root=root) is None


def test_no_store_at_all(tmp_path: Path) -> None:
    assert vfs_store.trees(BUNDLE, "57a6", root=tmp_path) is None
