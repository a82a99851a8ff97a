"""Where Podman's vfs driver keeps files. Its API does not tell, so its store is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

DRIVER: Final = "vfs"

_CONTAINERS: Final = "vfs-containers/containers.json"
# Layers of a transient store, which does not outlive a reboot, are in the second.
_LAYERS: Final = ("vfs-layers/layers.json", "vfs-layers/volatile-layers.json")


def trees(bundle: Path, container_id: str, *, root: Path) -> tuple[Path, Path] | None:
    """Return the whole trees of a container and of its image.

    Args:
        bundle: the container's.
        container_id: its full ID.
        root: where the host's file system is.

    Returns:
        Paths on the host; None where the store does not have both, as with a store of images
        apart from that of containers.
    """
    store = bundle.parents[2]
    seen = root / store.relative_to("/")
    layer = _entry(seen / _CONTAINERS, container_id).get("layer", "")
    parents = (_entry(seen / name, layer).get("parent", "") for name in _LAYERS)
    parent = next(filter(None, parents), "")
    found = tuple(f"vfs/dir/{name}" for name in (layer, parent) if name)
    if len(found) < 2 or not all((seen / name).is_dir() for name in found):
        return None
    return store / found[0], store / found[1]


def _entry(path: Path, identifier: str) -> dict[str, Any]:
    try:
        entries = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return next((entry for entry in entries or () if entry.get("id") == identifier), {})
