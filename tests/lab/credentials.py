"""Credentials of the agents: one service account per host, with a token bound to the host's Node.

The binding puts the node's name into the token's claims, where admission policies can compare it
with what an agent writes, and makes the token worthless once the Node object is gone.
"""

from __future__ import annotations

from typing import Final

from .controlplane import kubeconfig
from .kubectl import apply, kubectl

NAMESPACE: Final = "podman-checkpoint-system"
CLUSTER_ROLE: Final = "podman-checkpoint-agent"
"""What an agent may do; it comes with the project's manifests."""


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
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{CLUSTER_ROLE}-{host}"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": CLUSTER_ROLE,
            },
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
        },
    )
    token = kubectl(
        *("create", "token", account, "--namespace", NAMESPACE, "--duration=24h"),
        *("--bound-object-kind=Node", f"--bound-object-name={host}"),
    )
    return kubeconfig(user={"token": token.stdout.strip()})


def service_account(host: str) -> str:
    """Name of the service account of a host's agent."""
    return f"agent-{host}"
