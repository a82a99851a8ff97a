"""The plugin installs by the lines of docs/plugin.md, and kubectl finds it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.lab import tools
from tests.lab.paths import CHECKOUT
from tests.lab.shell import run

if TYPE_CHECKING:
    from pathlib import Path

# It needs the lab's kubectl, though no cluster.
pytestmark = pytest.mark.lab


def test_the_lines_of_the_documentation_install_it(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "plugin.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"## Install\n.*?```sh\n(.*?)```", page, re.DOTALL)
    assert "pip install" in lines
    # pip keeps what it has fetched in the caller's home folder.
    cache = os.environ.get("PIP_CACHE_DIR") or os.path.expanduser("~/.cache/pip")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "HOME": str(tmp_path),
        "PIP_CACHE_DIR": cache,
        "PATH": f"{tmp_path}/.local/bin:{os.environ['PATH']}",
    }
    run("bash", "-euc", lines, cwd=CHECKOUT, env=environment)

    kubectl = tools.find().kubectl
    shown = run(kubectl, "podman-checkpoint", "--version", env=environment, cwd=tmp_path).stdout
    assert re.fullmatch(r"kubectl podman-checkpoint, version \d+\.\d+\.\d+\n", shown)
    offered = run(kubectl, "__complete", "podman-checkpoint", "cre", env=environment, cwd=tmp_path)
    assert offered.stdout.startswith("create\t")
