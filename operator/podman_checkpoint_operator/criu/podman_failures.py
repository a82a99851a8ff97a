"""Why Podman refuses: the ``message`` of its API's errors, and of the runtime inside it.

Podman answers 500 to nearly everything, so only the text tells. Checked in the sources of Podman
4.3 to 6.0-dev, containers/storage, crun and runc, and with Podman 5.4.2 and 5.8.6.
"""

from __future__ import annotations

from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from .entry import Entry
from .host_failures import HOST_FAILURES

_CONTAINER: Final = (
    Entry(
        name="checkpoint-not-found",
        cause=Cause.CHECKPOINT_NOT_FOUND,
        pattern=r"failed to find container or checkpoint image (?P<name>\S+)"
        r"|no such container or image: (?P<other>\S+)",
        remedy=Setting(
            "spec.nodeName and spec.source to where it is",
            because="There is neither a container nor a checkpoint image {name}{other} on this "
            "host.",
        ),
    ),
    Entry(
        name="container-not-found",
        cause=Cause.CONTAINER_NOT_FOUND,
        pattern=r"no such container",
        remedy=Setting(
            "spec.nodeName and spec.containerRef to one that is (`podman ps -a` as root; rootless "
            "containers cannot be checkpointed)",
            because="There is no such container on this host.",
        ),
    ),
    Entry(
        name="checkpoint-missing",
        cause=Cause.CHECKPOINT_MISSING,
        pattern=r"a complete checkpoint for this container cannot be found",
        remedy="No complete checkpoint of this container is on the host: it was already restored, "
        "or it was taken elsewhere. Restore from an archive, or take a new checkpoint.",
    ),
    Entry(
        name="container-running",
        cause=Cause.CONTAINER_RUNNING,
        pattern=r"\S+ is running or paused, cannot restore",
        remedy=Setting("another spec.name", rather="stop or remove it", because="It runs already."),
    ),
    Entry(
        name="container-not-running",
        cause=Cause.CONTAINER_NOT_RUNNING,
        pattern=r"is not running, cannot checkpoint|container state improper",
        remedy="Only a running container can be checkpointed. Start or unpause it, then create a "
        "new checkpoint.",
    ),
    Entry(
        name="removed-on-exit",
        cause=Cause.REMOVED_ON_EXIT,
        pattern=r"cannot checkpoint containers that have been started with '--rm'",
        remedy=Setting(
            "spec.leaveRunning: true and spec.archive",
            otherwise="re-create it without --rm",
            because="Podman removes this container when it stops, and its state with it.",
        ),
    ),
    Entry(
        name="pod-needed",
        cause=Cause.POD_NEEDED,
        pattern=r"cannot restore pod container without --pod",
        remedy=Setting("spec.pod to one with the same shared namespaces", because="It was in one."),
    ),
    Entry(
        name="pod-missing",
        cause=Cause.POD_MISSING,
        pattern=r"pod \"(?P<pod>[^\"]+)\" cannot be retrieved",
        remedy=Setting(
            "spec.pod to one that is there",
            rather="create it with podman pod create",
            because="There is no such pod on this host.",
        ),
    ),
    Entry(
        name="pod-mismatch",
        cause=Cause.POD_MISMATCH,
        pattern=r"pod (?P<pod>\S+) does not share the (?P<namespace>\S+) namespace"
        r"|cannot restore non pod container into pod",
        remedy=Setting(
            "spec.pod to a pod that shares the same namespaces as the one it was in; remove it for "
            "a container that was in none",
            because="The container does not fit into that pod.",
        ),
    ),
    Entry(
        name="pod-runtime",
        cause=Cause.UNSUPPORTED_OPTION,
        pattern=r"runtime (?P<runtime>\S+) does not support pod restore",
        remedy="Install runc, or crun 1.18 or newer: {runtime} cannot restore into a pod.",
    ),
    Entry(
        name="dependencies",
        cause=Cause.DEPENDS_ON_CONTAINERS,
        pattern=r"cannot (?:import|export) checkpoints? of containers with dependencies",
        remedy="The container depends on other containers, and can only be restored in place, on "
        "its own host. Re-create it without --requires and --network container:... to move it.",
    ),
)

_TARGET: Final = (
    Entry(
        name="name-in-use",
        cause=Cause.NAME_IN_USE,
        pattern=r"the container name \"?(?P<name>[^\"\s]+)\"? is already in use"
        r"|name \"?(?P<other>[^\"\s]+)\"? is in use: container already exists"
        r"|that name is already in use",
        remedy=Setting(
            "another spec.name or spec.existingContainer",
            rather="remove it",
            because="A container with the name {name}{other} exists on this host.",
        ),
    ),
    Entry(
        name="id-in-use",
        cause=Cause.ID_IN_USE,
        pattern=r"that ID is already in use",
        remedy=Setting(
            "spec.name to restore a clone with a new ID",
            rather="remove it",
            because="A container with the ID exists on this host, as where it was checkpointed.",
        ),
    ),
    Entry(
        name="port-in-use",
        cause=Cause.PORT_IN_USE,
        pattern=r"cannot listen on the (?:TCP|UDP) port: listen \w+ (?P<port>\S+): bind: "
        r"address already in use|port (?P<other>\d+)\b.*already in use"
        r"|bind: address already in use",
        remedy=Setting(
            "spec.publishPorts to publish others",
            rather="free it",
            because="The port {port}{other} is taken on this host. If nothing seems to use it, it "
            "is the Podman service after a failed restore: systemctl restart podman.service.",
        ),
    ),
    Entry(
        name="address-in-use",
        cause=Cause.ADDRESS_IN_USE,
        pattern=r"requested ip address (?P<ip>\S+) is already allocated to container ID "
        r"(?P<id>\w+)",
        remedy=Setting(
            "spec.ignoreStaticIP: true to get another address",
            rather="remove that container (if podman ps -a does not list it, Podman was killed "
            "when it made it, and a reboot of the host frees the address)",
            because="{ip} belongs to container {id}.",
        ),
    ),
    Entry(
        name="volume-in-use",
        cause=Cause.VOLUME_IN_USE,
        pattern=r"volume with name (?P<name>\S+) already exists",
        remedy=Setting(
            "spec.ignoreVolumes: true to use it as it is",
            rather="remove the volume",
            because="Volume {name} exists on this host, and its content is not overwritten.",
        ),
    ),
    Entry(
        name="image-missing",
        cause=Cause.IMAGE_MISSING,
        pattern=r"initializing source docker://(?P<image>[^:\s]+(?::[^:\s]+)?): |image not known"
        r"|unable to copy from source docker://(?P<other>[^\s]+): ",
        remedy="The container's image {image}{other} is not on this host and cannot be pulled. "
        "Load the same image, with the same ID, under the same name: `podman pull`, or `podman "
        "save` on the source host and `podman load` here.",
    ),
    Entry(
        name="network-missing",
        cause=Cause.NETWORK_MISSING,
        pattern=r"unable to find network with name or ID (?P<name>\S+): network not found"
        r"|network not found",
        remedy="The network {name} does not exist on this host. Create it with the same subnet as "
        "on the source host: `podman network create`.",
    ),
    Entry(  # runc, then crun
        name="mount-source-missing",
        cause=Cause.MOUNT_SOURCE_MISSING,
        pattern=r"bind mount source stat: stat (?P<path>.+?): no such file or directory"
        r"|(?i:(?:crun: |: |^)(?:cannot )?stat `(?P<other>/[^`]*)`: no such file or directory)",
        remedy="The container mounts {path}{other}, which does not exist on this host. Create or "
        "copy it, then restore again.",
    ),
)

PODMAN_FAILURES: Final = _CONTAINER + _TARGET + HOST_FAILURES
