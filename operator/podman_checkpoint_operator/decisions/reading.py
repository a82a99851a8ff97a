"""What agents may read: what is of their own host, and the checkpoints that it is to restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..api.names import CHECKPOINTS, CONTROLLER_ACCOUNT, GROUP, HOSTS, RESTORES, SYSTEM_NAMESPACE

AGENTS: Final = "podman-checkpoint:agents"
"""The group of agents that have client certificates."""
CERTIFICATE_PREFIX: Final = "podman-checkpoint:host:"
_NODE: Final = "authentication.kubernetes.io/node-name"
_ACCOUNTS: Final = f"system:serviceaccounts:{SYSTEM_NAMESPACE}"
_CONTROLLER: Final = f"system:serviceaccount:{SYSTEM_NAMESPACE}:{CONTROLLER_ACCOUNT}"


class Whereabouts(Protocol):
    """Which host resources are of, as the API server has them; may raise StatusUnwritable."""

    def host_of(self, plural: str, namespace: str, name: str) -> str | None:
        """Return the host of a checkpoint or restore, or None when there is none."""

    def wanted_on(self, host: str, namespace: str) -> Sequence[str]:
        """Return the names of the checkpoints that restores on a host are to restore."""


@dataclass(frozen=True)
class Read:
    """One request of an agent to read."""

    host: str
    """Of the agent; empty where its credential does not tell."""
    verb: str
    resource: str
    namespace: str
    name: str


def agents_read(review: Mapping[str, Any]) -> Read | None:
    """Return what a SubjectAccessReview's spec asks for, or None where it is no agent's read."""
    asked: Mapping[str, Any] = review.get("resourceAttributes") or {}
    host = _agents_host(review)
    if host is None or asked.get("group") != GROUP:
        return None
    verb = asked.get("verb", "")
    if verb not in ("get", "list", "watch"):
        return None
    return Read(
        host, verb, asked.get("resource", ""), asked.get("namespace", ""), asked.get("name", "")
    )


def _agents_host(review: Mapping[str, Any]) -> str | None:
    user, groups = str(review.get("user", "")), review.get("groups") or ()
    if AGENTS in groups:
        return user.removeprefix(CERTIFICATE_PREFIX) if user.startswith(CERTIFICATE_PREFIX) else ""
    if _ACCOUNTS not in groups or user == _CONTROLLER:
        return None
    (host,) = (review.get("extra") or {}).get(_NODE) or [""]
    return str(host)


def denial(read: Read, whereabouts: Whereabouts) -> str:
    """Return why an agent may not read this; empty where it may, as far as its roles go."""
    if not read.host:
        return "this credential of an agent does not tell its host, see docs/install.md"
    if read.verb != "get":
        field = "metadata.name" if read.resource == HOSTS.plural else "spec.nodeName"
        return (
            f"the agent of host {read.host} lists and watches only with --field-selector"
            f" {field}={read.host}"
        )
    if read.resource == HOSTS.plural:
        allowed = read.name == read.host
    else:
        allowed = _may_get(read, whereabouts)
    if allowed:
        return ""
    return (
        f"the agent of host {read.host} reads only what is of its own host, and the checkpoints"
        " that it is to restore"
    )


def _may_get(read: Read, whereabouts: Whereabouts) -> bool:
    if read.resource not in (CHECKPOINTS.plural, RESTORES.plural):
        return False
    host = whereabouts.host_of(read.resource, read.namespace, read.name)
    if host in (None, read.host):
        return True
    return read.resource == CHECKPOINTS.plural and read.name in whereabouts.wanted_on(
        read.host, read.namespace
    )
