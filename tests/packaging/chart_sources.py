"""Writes what the chart holds twice: CRDs, roles and such, and its values, in README.md.

Helm reads nothing outside of a chart. ``make docs`` writes copies; a test holds that they agree.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.lab.helm import CHART
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES: Final = CHART / "files"
README: Final = CHART / "README.md"
NO_OBJECTS: Final = "kustomization.yaml"

HEAD: Final = """\
# podman-checkpoint-operator

<!-- Written by `make docs` from values.yaml. -->

Checkpoint and restore running Podman containers with `kubectl apply`: CRDs, roles, the controller,
and an agent on each node with Podman. [docs/install.md](../../docs/install.md) tells how to install
it, and why the agent's Pods may do what they may.

The CRDs are part of the release, so that an upgrade brings them along; `helm uninstall` keeps them,
and with them every checkpoint.

| value | default | |
|---|---|---|
"""


def copies() -> dict[Path, Path]:
    """Return the chart's copies of the project's files, and what each is a copy of."""
    sources = {
        "crds": sorted((CHECKOUT / "crds").glob("*.yaml")),
        "roles": sorted((CHECKOUT / "manifests" / "base").glob("*-role*.yaml")),
        "policies": sorted((CHECKOUT / "manifests" / "base").glob("*-policies.yaml")),
        "monitoring": sorted((CHECKOUT / "manifests" / "components" / "monitoring").iterdir()),
    }
    return {
        FILES / folder / source.name: source
        for folder, found in sources.items()
        for source in found
        if source.name != NO_OBJECTS
    }


def readme() -> str:
    """Return the text of the chart's README.md."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    return HEAD + "".join(
        f"| `{name}` | {_default(value)} | {text} |\n" for name, value, text in _values(lines)
    )


def names() -> list[str]:
    """Return the values that README.md describes."""
    return [name for name, _, _ in _values((CHART / "values.yaml").read_text().splitlines())]


def _values(lines: list[str]) -> Iterator[tuple[str, Any, str]]:
    """Each value that a comment describes: its name, default and description."""
    defaults = yaml.safe_load("\n".join(lines))
    text: list[str] = []
    path: list[str] = []
    for line in lines:
        comment = re.match(r"\s*# (-- )?(.*)", line)
        key = re.match(r"(\s*)([\w-]+):", line)
        if comment and (comment[1] or text):
            text.append(comment[2])
        elif key and not line.lstrip().startswith("- "):
            path[len(key[1]) // 2 :] = [key[2]]
            if text:
                value = defaults
                for name in path:
                    value = value[name]
                yield ".".join(path), value, " ".join(text)
            text = []
        else:
            text = []


def _default(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`"


def main() -> None:
    """Write all of it."""
    shutil.rmtree(FILES, ignore_errors=True)
    for copy, source in copies().items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    README.write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main()
