"""Public names of the API group, and the agent's private ones. Changing one breaks users."""

from __future__ import annotations

from typing import Final, NamedTuple

GROUP: Final = "podman-checkpoint.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"


class Resource(NamedTuple):
    """How the API server and people call one kind."""

    kind: str
    plural: str
    singular: str
    short: str


CHECKPOINTS: Final = Resource(
    "ContainerCheckpoint", "containercheckpoints", "containercheckpoint", "cckpt"
)
RESTORES: Final = Resource("ContainerRestore", "containerrestores", "containerrestore", "crst")
HOSTS: Final = Resource("PodmanHost", "podmanhosts", "podmanhost", "phost")
PLURALS: Final = {each.kind: each.plural for each in (CHECKPOINTS, RESTORES, HOSTS)}
"""What is in the paths of the API server, by the kind that is in the resources."""

SYSTEM_NAMESPACE: Final = "podman-checkpoint-system"
"""Where the operator's own objects are, such as the hosts' heartbeats."""

CONTROLLER_ACCOUNT: Final = "podman-checkpoint-controller"
"""The service account of the controller, in that namespace; all others there are agents'."""

ON_DRAIN_LABEL: Final = f"{GROUP}/on-drain"
"""Of a container: ``checkpoint`` has a drain of its host save it, any other value leaves it out."""
DRAIN_TCP_LABEL: Final = f"{GROUP}/drain-tcp-established"
"""Of a container: ``false`` has a drain save and restore it without ``tcpEstablished``."""
DRAIN_LOCKS_LABEL: Final = f"{GROUP}/drain-file-locks"
"""Of a container: ``false`` has a drain save and restore it without ``fileLocks``."""
DRAIN_OPTIONS: Final = {DRAIN_TCP_LABEL: "tcpEstablished", DRAIN_LOCKS_LABEL: "fileLocks"}
"""The fields of checkpoints and restores that these are about."""
DRAINED_HOST_LABEL: Final = f"{GROUP}/drained-host"
"""Of a resource that a drain has made: the host."""

# The agent's own marks on objects. Another operator on kopf must not share them: an agent removes a
# finalizer of this name from every object that its filters do not match.
FINALIZER: Final = f"{GROUP}/agent"
ANNOTATION_PREFIX: Final = f"agent.{GROUP}"
REPORTING_COMPONENT: Final = f"{GROUP}/node-agent"

NAMESPACE_LABEL: Final = f"{GROUP}/namespace"
"""Label of a container: resources of this namespace only may touch it."""

UNIT_LABEL: Final = "PODMAN_SYSTEMD_UNIT"
"""By which Podman remembers the systemd unit that has made a container, or a pod."""

ORIGIN_FILE: Final = f"{GROUP}.json"
"""Beside a checkpoint, in its archive or its bundle: which host took it, and for which resource."""
