"""A control plane of its own, with nothing of the project in it, for tests of installing.

It is reached from this machine only, and has no hosts: beside the lab's it disturbs nobody.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import controlplane, helm, paths, pki, tools
from .processes import Daemon
from .shell import run
from .waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS: Final = f"127.{paths.SUBNET.removeprefix('10.')}.2"
SERVER: Final = f"https://{ADDRESS}:{controlplane.PORT}"


@dataclass(frozen=True)
class EmptyCluster:
    """A control plane that runs, and a folder to work in."""

    folder: Path
    kubectl_program: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "admin.kubeconfig"

    def kubectl(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator."""
        return run(self.kubectl_program, *argv, env=self.environment(), check=check)

    def shell(self, script: str, *, folder: Path = paths.CHECKOUT) -> str:
        """Run lines of the documentation as a user does, by the shell.

        Raises:
            CommandFailed: one of the lines fails.
        """
        options = ("-euxo", "pipefail")
        done = run("bash", *options, "-c", script, env=self.environment(), cwd=folder)
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Where the programs are, and whom they talk to."""
        folders = (self.kubectl_program.parent, helm.program().parent, os.environ["PATH"])
        return {
            **os.environ,
            "PATH": os.pathsep.join(map(str, folders)),
            "HOME": str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "cache"),
        }


@contextmanager
def empty_cluster(folder: Path) -> Iterator[EmptyCluster]:
    """Run a control plane for the time of a block; what it holds is in the folder."""
    programs = tools.find()
    keys = pki.ensure(folder / "pki", address=ADDRESS)
    etcd, api_server = Daemon("empty-etcd", folder), Daemon("empty-kube-apiserver", folder)
    cluster = EmptyCluster(folder, programs.kubectl)
    cluster.kubeconfig.write_text(
        controlplane.certificate_kubeconfig(
            keys.admin, server=SERVER, authority=keys.authority.certificate
        )
    )
    try:
        etcd.start(*controlplane.etcd_argv(programs, data=folder / "etcd", address=ADDRESS))
        api_server.start(
            *controlplane.api_server_argv(
                programs, keys, folder=folder, address=ADDRESS, etcd_address=ADDRESS
            )
        )
        probe = ("get", "--raw=/readyz", "--request-timeout=5s")
        wait_until(lambda: cluster.kubectl(*probe, check=False).returncode == 0, "the API server")
        yield cluster
    finally:
        api_server.stop()
        etcd.stop()
