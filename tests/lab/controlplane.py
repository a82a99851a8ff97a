"""The lab's control plane: a real kube-apiserver with etcd, as two processes of this machine.

The API server listens on the bridge, where the hosts reach it. Authorization is RBAC, as in any
cluster; there is no controller manager, so nothing collects what a deleted owner leaves behind.
"""

from __future__ import annotations

import base64
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import yaml

from . import inventory, network, paths, pki, tools
from .kubectl import DISCOVERY_CACHE, apply, kubectl
from .processes import Daemon
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PORT: Final = 6443
SERVER: Final = f"https://{paths.GATEWAY}:{PORT}"

_LOOPBACK: Final = f"127.{paths.SUBNET.removeprefix('10.')}.1"
"""A loopback address of this lab's own: etcd asks for no credentials, so no host may reach it."""
AUTHORIZER: Final = f"https://{_LOOPBACK}:8443"
"""Where the controller is asked what agents may read, by an API server that is told to."""

_ETCD: Final = Daemon("etcd")
API_SERVER: Final = Daemon("kube-apiserver")
PKI: Final = paths.STATE / "pki"
"""Its keys and certificates."""
_PATIENCE: Final = 60
"""Seconds until a program counts as hung; both take about three."""


class ControlPlaneError(RuntimeError):
    """A program of the control plane did not start."""


def up() -> None:
    """Start what does not run, and apply the project's CRDs and manifests.

    Safe to repeat: a control plane that runs keeps running, and one that was killed comes back
    with its objects.
    """
    programs = tools.find()
    network.ensure_bridge()
    if not PKI.exists():
        # Whatever still runs belongs to a lab whose folder was deleted under it.
        down()
    authority = _keys()
    _start_etcd(programs)
    _start_api_server(programs, authority)
    _write_kubeconfig(authority)
    _wait_until_ready()
    _apply_project()


def down() -> None:
    """Stop the control plane and delete its data. The bridge stays: hosts may still need it."""
    for daemon in (API_SERVER, _ETCD):
        daemon.stop()
    paths.KUBECONFIG.unlink(missing_ok=True)
    for folder in (PKI, paths.STATE / "etcd", DISCOVERY_CACHE):
        shutil.rmtree(folder, ignore_errors=True)


def is_ready() -> bool:
    """Whether the API server answers, etcd included."""
    if API_SERVER.pid() is None or not paths.KUBECONFIG.exists():
        return False
    probe = ("get", "--raw=/readyz", "--request-timeout=5s")
    return kubectl(*probe, check=False).returncode == 0


def _start_etcd(programs: tools.Tools) -> None:
    if _ETCD.pid() is None:
        _ETCD.start(*etcd_argv(programs, data=paths.STATE / "etcd", address=_LOOPBACK))


def _start_api_server(programs: tools.Tools, keys: pki.Pki) -> None:
    if API_SERVER.pid() is None:
        API_SERVER.start(
            *api_server_argv(
                programs, keys, folder=PKI, address=paths.GATEWAY, etcd_address=_LOOPBACK
            )
        )


def _keys() -> pki.Pki:
    return pki.ensure(PKI, address=paths.GATEWAY, authorizer=_LOOPBACK)


def authorizer_keys() -> pki.KeyPair:
    """Key and certificate for :data:`AUTHORIZER`."""
    return _keys().authorizer


@contextmanager
def other_api_server(authorization: Path) -> Iterator[str]:
    """Run a second API server on the same data, and yield its URL.

    Args:
        authorization: the file with its AuthorizationConfiguration.
    """
    daemon = Daemon("kube-apiserver-with-webhook")
    argv = api_server_argv(
        tools.find(),
        _keys(),
        folder=PKI,
        address=paths.GATEWAY,
        etcd_address=_LOOPBACK,
        port=PORT + 1,
        authorization=f"--authorization-config={authorization}",
    )
    server = f"https://{paths.GATEWAY}:{PORT + 1}"
    ready = (f"--server={server}", "get", "--raw=/readyz", "--request-timeout=5s")
    daemon.start(*argv, "--endpoint-reconciler-type=none")
    try:
        wait_until(
            lambda: kubectl(*ready, check=False).returncode == 0, f"{daemon.name} to be ready"
        )
        yield server
    finally:
        daemon.stop()


def etcd_argv(programs: tools.Tools, *, data: Path, address: str) -> list[str | Path]:
    """The command line of an etcd that only this machine reaches."""
    clients, peers = (f"http://{address}:{port}" for port in (2379, 2380))
    return [
        programs.etcd,
        f"--data-dir={data}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server_argv(
    programs: tools.Tools,
    keys: pki.Pki,
    *,
    folder: Path,
    address: str,
    etcd_address: str,
    port: int = PORT,
    authorization: str = "--authorization-mode=RBAC",
) -> list[str | Path]:
    """The command line of a kube-apiserver that keeps its own files in a folder."""
    return [
        programs.kube_apiserver,
        f"--etcd-servers=http://{etcd_address}:2379",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={keys.server.certificate}",
        f"--tls-private-key-file={keys.server.key}",
        f"--client-ca-file={keys.authority.certificate}",
        authorization,
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys.tokens.certificate}",
        f"--service-account-signing-key-file={keys.tokens.key}",
        "--service-cluster-ip-range=10.0.0.0/24",
    ]


def _wait_until_ready() -> None:
    deadline = time.monotonic() + _PATIENCE
    while not is_ready():
        ended = [daemon for daemon in (_ETCD, API_SERVER) if daemon.pid() is None]
        if ended or time.monotonic() > deadline:
            daemon, problem = (ended[0], "ended") if ended else (API_SERVER, "is not ready")
            raise ControlPlaneError(
                f"{daemon.name} {problem}; its log {daemon.log_file} ends with:\n"
                f"{daemon.last_words()}\n"
                "If its data is damaged, './lab down' removes it and './lab up' starts anew."
            )
        time.sleep(0.1)


def _write_kubeconfig(keys: pki.Pki) -> None:
    config = certificate_kubeconfig(keys.admin)
    partial = paths.KUBECONFIG.with_suffix(".new")
    partial.touch(mode=0o600)
    partial.write_text(config)
    partial.rename(paths.KUBECONFIG)


def certificate_kubeconfig(
    pair: pki.KeyPair, *, server: str = SERVER, authority: Path | None = None
) -> str:
    """A kubeconfig file's text, for whoever has this client certificate; complete in itself."""
    user = {
        "client-certificate-data": _base64(pair.certificate),
        "client-key-data": _base64(pair.key),
    }
    return kubeconfig(user=user, server=server, authority=authority)


def kubeconfig(
    *, user: Mapping[str, str], server: str = SERVER, authority: Path | None = None
) -> str:
    """A kubeconfig file's text, for whoever has these credentials; complete in itself."""
    cluster = {
        "server": server,
        "certificate-authority-data": _base64(authority or PKI / "authority.crt"),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "lab", "user": dict(user)}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    return yaml.safe_dump(config, sort_keys=False)


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _apply_project() -> None:
    apply_folder = ("apply", "--server-side", "--output=name", "--kustomize")
    crds = kubectl(*apply_folder, str(paths.CHECKOUT / "crds")).stdout.split()
    kubectl("wait", "--for=condition=Established", *crds)
    kubectl(*apply_folder, str(paths.CHECKOUT / "manifests" / "base"))
    # An agent's token is bound to its host's Node object.
    nodes = ({"metadata": {"name": name}} for name in inventory.NAMES)
    apply(*({"apiVersion": "v1", "kind": "Node", **node} for node in nodes))
