"""What krew installs: a program that needs no Python on the machine, and a manifest by its rules.

The rules are those of krew's own validation and unpacking; krew itself asks GitHub for its index.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from release import krew
from tests.lab import tools
from tests.lab.shell import run

URL = "https://downloads.example/podman-checkpoint/"


class TestManifest:
    @pytest.fixture
    def made(self, tmp_path: Path) -> dict[str, Any]:
        """A manifest for two platforms, beside which other files lie."""
        for name in (
            *(
                f"{krew.PROGRAM}-{krew.version()}-linux-{each}.tar.gz"
                for each in ("amd64", "arm64")
            ),
            f"{krew.PROGRAM}-v0.0.1-linux-amd64.tar.gz",
            "podman_checkpoint_operator-0.1.0-py3-none-any.whl",
        ):
            (tmp_path / name).write_text(name)
        return krew.manifest(tmp_path, URL)

    def test_it_keeps_krews_rules(self, made: dict[str, Any]) -> None:
        assert made["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
        assert made["kind"] == "Plugin"
        assert re.fullmatch(r"[\w-]+", made["metadata"]["name"])
        spec = made["spec"]
        assert re.fullmatch(r"v\d+\.\d+\.\d+([-+][\w.-]+)?", spec["version"])
        assert spec["shortDescription"]
        assert "\n" not in spec["shortDescription"]
        assert len(spec["shortDescription"]) <= 50, "of krew's guide to names"
        for each in spec["platforms"]:
            assert set(each) == {"selector", "uri", "sha256", "bin"}
            assert set(each["selector"]["matchLabels"]) == {"os", "arch"}
            assert re.fullmatch("[a-f0-9]{64}", each["sha256"])
            assert not os.path.isabs(each["bin"])

    def test_it_names_the_archives_of_this_version(self, made: dict[str, Any]) -> None:
        amd, arm = made["spec"]["platforms"]
        name = f"{krew.PROGRAM}-{krew.version()}-linux-arm64.tar.gz"
        assert amd["selector"]["matchLabels"] == {"os": "linux", "arch": "amd64"}
        assert arm["uri"] == f"{URL}{name}"
        assert arm["sha256"] == hashlib.sha256(name.encode()).hexdigest()

    def test_its_name_is_the_command(self, made: dict[str, Any]) -> None:
        assert f"kubectl-{made['metadata']['name'].replace('-', '_')}" == krew.PROGRAM


@pytest.mark.lab
def test_the_archive_holds_all_that_the_plugin_needs(tmp_path: Path) -> None:
    """It needs the lab's kubectl, though no cluster."""
    archive = krew.build(tmp_path)
    store, links = tmp_path / "store", tmp_path / "bin"
    with tarfile.open(archive) as packed:
        assert all(each.isfile() or each.isdir() for each in packed)
        packed.extractall(store, filter="data")
    links.mkdir()
    for name in (krew.PROGRAM, krew.COMPLETION):
        (links / name).symlink_to(store / name)
    # No Python, and nothing of the checkout.
    environment = {"PATH": f"{links}:/usr/bin:/bin", "HOME": str(tmp_path)}

    kubectl = tools.find().kubectl
    shown = run(kubectl, krew.NAME, "--version", env=environment, cwd=tmp_path)
    assert shown.stdout == f"kubectl podman-checkpoint, version {krew.version()[1:]}\n"
    said = run(kubectl, krew.NAME, "inspect", "./none", env=environment, cwd=tmp_path, check=False)
    assert (said.returncode, said.stderr[:20]) == (1, "error: cannot read .")
    listed = run(kubectl, krew.NAME, "list", env=environment, cwd=tmp_path, check=False)
    assert listed.stderr == "error: there is no kubeconfig: set KUBECONFIG, or give --kubeconfig\n"
    offered = run(kubectl, "__complete", krew.NAME, "cre", env=environment, cwd=tmp_path)
    assert offered.stdout.startswith("create\t")
