"""Credentials of the product's programs.

Each agent has a service account of its own, with a token bound to its host's Node. The controller
has the one that the project's manifests make for it.

The binding puts the node's name into the token's claims, where admission policies can compare it
with what an agent writes, and makes the token worthless once the Node object is gone. Agents of
hosts that are no nodes have client certificates instead.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from . import controlplane, pki
from .kubectl import apply, kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE: Final = "podman-checkpoint-system"
AGENT_ROLE: Final = "podman-checkpoint-agent"
"""What an agent may do, everywhere and in the system's namespace; with the project's manifests."""
CONTROLLER: Final = "podman-checkpoint-controller"
CERTIFICATES: Final = "podman-checkpoint:agents"
"""The group of agents that have client certificates."""


def agent_kubeconfig(host: str) -> str:
    """Make the service account of a host's agent, and a kubeconfig with a fresh token for it.

    The token holds for 24 hours. Calling this again is harmless; tokens given out before stay good.
    """
    account = service_account(host)
    apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account, "namespace": NAMESPACE},
        },
        *(_binding(kind, host, account) for kind in ("ClusterRole", "Role")),
    )
    return token_kubeconfig(account, "--bound-object-kind=Node", f"--bound-object-name={host}")


def certificate_kubeconfig(host: str) -> str:
    """Return a kubeconfig with a client certificate for the agent of a host outside the cluster.

    It has no rights until :data:`CERTIFICATES` has some.
    """
    pair = pki.agent(controlplane.PKI, host)
    return controlplane.certificate_kubeconfig(pair)


def controller_kubeconfig() -> str:
    """Return a kubeconfig with a fresh token for the controller; it holds for 24 hours."""
    return token_kubeconfig(CONTROLLER)


@contextmanager
def member_kubeconfig(namespace: str, role: str) -> Iterator[str]:
    """Give one of the project's roles for people in a namespace; yield a kubeconfig with it."""
    metadata = {"name": f"{role}-{namespace}", "namespace": namespace}
    account = {"kind": "ServiceAccount", **metadata}
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": f"podman-checkpoint-{role}",
            },
            "subjects": [account],
        },
    ]
    apply(*made)
    try:
        yield token_kubeconfig(metadata["name"], namespace=namespace)
    finally:
        items = {"apiVersion": "v1", "kind": "List", "items": made}
        kubectl("delete", "-f-", stdin=json.dumps(items))


def token_kubeconfig(account: str, *bound: str, namespace: str = NAMESPACE) -> str:
    """Return a kubeconfig with a fresh token of a service account, bound to an object or not."""
    token = kubectl(
        *("create", "token", account, "--namespace", namespace, "--duration=24h"), *bound
    )
    return controlplane.kubeconfig(user={"token": token.stdout.strip()})


def _binding(kind: str, host: str, account: str) -> dict[str, Any]:
    metadata = {"name": f"{AGENT_ROLE}-{host}"}
    if kind == "Role":
        metadata["namespace"] = NAMESPACE
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": kind,
            "name": AGENT_ROLE,
        },
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }


def service_account(host: str) -> str:
    """Name of the service account of a host's agent."""
    return f"agent-{host}"
