"""A control plane of its own, beside the lab's: it starts, survives kills, and leaves nothing.

It runs from a copy of the checkout in another folder, as a second developer's would.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import paths
from .processes import Daemon
from .shell import CommandFailed, run
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.lab

UP = "from tests.lab import controlplane; controlplane.up()"
DOWN = "from tests.lab import controlplane, network; controlplane.down(); network.remove_bridge()"


@dataclass(frozen=True)
class Checkout:
    """A copy of this checkout, with an identity of its own."""

    folder: Path

    def python(self, code: str, *argv: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        return run(sys.executable, "-P", "-c", code, *argv, env=environment).stdout.strip()

    def kubectl(self, *argv: str) -> str:
        return self.python(
            "import sys; from tests.lab.kubectl import kubectl;"
            " print(kubectl(*sys.argv[1:]).stdout, end='')",
            *argv,
        )

    def daemon(self, name: str) -> Daemon:
        return Daemon(name, self.folder / paths.STATE.name)

    def pids(self) -> list[int | None]:
        return [self.daemon(name).pid() for name in ("etcd", "kube-apiserver")]

    def kill(self, name: str) -> None:
        daemon = self.daemon(name)
        pid = daemon.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: daemon.pid() is None, f"{name} to end")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("lab") / "checkout"
    without = shutil.ignore_patterns("__pycache__")
    for part in ("tests/lab", "crds", "manifests"):
        shutil.copytree(paths.CHECKOUT / part, folder / part, ignore=without)
    checkout = Checkout(folder)
    checkout.python(UP)
    yield checkout
    checkout.python(DOWN)


def test_it_serves_the_projects_kinds(checkout: Checkout) -> None:
    kinds = checkout.kubectl("api-resources", "--api-group=podman-checkpoint.dev", "--output=name")

    assert kinds.split() == [
        "containercheckpoints.podman-checkpoint.dev",
        "containerrestores.podman-checkpoint.dev",
        "podmanhosts.podman-checkpoint.dev",
    ]


def test_starting_it_again_leaves_it_running(checkout: Checkout) -> None:
    before = checkout.pids()

    checkout.python(UP)

    assert None not in before
    assert checkout.pids() == before


@pytest.mark.parametrize("killed", [["kube-apiserver"], ["etcd", "kube-apiserver"]])
def test_after_a_kill_it_comes_back_with_its_objects(checkout: Checkout, killed: list[str]) -> None:
    name = f"kept-{len(killed)}"
    checkout.kubectl("create", "configmap", name)
    for program in killed:
        checkout.kill(program)

    checkout.python(UP)

    assert checkout.kubectl("get", "configmap", name, "--output=name") == f"configmap/{name}"


def test_it_starts_anew_when_its_folder_was_deleted_under_it(checkout: Checkout) -> None:
    before = checkout.pids()
    shutil.rmtree(checkout.folder / ".lab")

    checkout.python(UP)

    assert not {*before} & {*checkout.pids()}
    assert "host-a" in checkout.kubectl("get", "nodes")


def test_a_program_that_cannot_start_is_named_with_its_last_words(checkout: Checkout) -> None:
    checkout.kill("kube-apiserver")
    certificate = checkout.folder / ".lab" / "pki" / "server.crt"
    good = certificate.read_bytes()
    certificate.write_text("damaged")

    with pytest.raises(CommandFailed, match=r"(?s)kube-apiserver ended; its log .*tls: failed"):
        checkout.python(UP)

    certificate.write_bytes(good)
    checkout.python(UP)


def test_it_leaves_nothing(checkout: Checkout) -> None:
    bridge = checkout.python("from tests.lab import paths; print(paths.BRIDGE)")
    assert Path("/sys/class/net", bridge).exists()

    checkout.python(DOWN)
    checkout.python(DOWN)

    assert checkout.pids() == [None, None]
    assert not Path("/sys/class/net", bridge).exists()
    left = {path.name for path in (checkout.folder / ".lab").rglob("*") if path.is_file()}
    assert left <= {"etcd.log", "kube-apiserver.log"}
