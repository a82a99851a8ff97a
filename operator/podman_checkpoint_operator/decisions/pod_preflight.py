"""Containers that share namespaces: those of a pod, and those that joined another container's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ..api.reasons import Cause
from ..api.remedies import Setting
from .facts import Container, Pod, State
from .preflight import Check, failed, listed, passed, warned


def checkpoint_checks(container: Container, pod: Pod | None, *, archive: bool) -> Iterator[Check]:
    """Checks of a checkpoint of a container that may depend on others.

    Args:
        container: to be checkpointed.
        pod: its own, if it is in one.
        archive: an archive is asked for, which cannot express such dependencies.
    """
    if container.infra:
        yield failed(
            "Infra",
            f"container {container.name} is the infra container of a pod: it holds the pod's"
            " namespaces and runs nothing that could be saved",
            Cause.INFRA_CONTAINER,
            "Checkpoint the other containers of the pod, one by one: podman ps --pod lists them",
        )
    infra = pod.infra_id if pod else ""
    others = [each for each in container.dependencies if each != infra]
    if archive and others:
        yield failed(
            "Dependencies",
            f"container {container.name} depends on {listed(each[:12] for each in others)}; it"
            " could not be restored from an archive",
            Cause.DEPENDS_ON_CONTAINERS,
            Setting(
                "neither spec.archive nor spec.leaveRunning, to restore it in place",
                otherwise="create the container anew without --requires and"
                " --network container:..., or in a pod",
            ),
        )


def locked_network_checks(
    container: Container, pod: Pod | None, *, connections: int, leave_running: bool
) -> Iterator[Check]:
    """Checks whether others in the container's network lose it with a container that stops.

    CRIU locks the network before the dump, and unlocks it in the restore. The agent unlocks it at
    once where there are no connections that would be lost.

    Args:
        container: to be checkpointed.
        pod: its own, if it is in one.
        connections: how many it has.
        leave_running: it goes on.
    """
    if leave_running or not connections or not container.network_of:
        return
    others = [name for name in (pod.members if pod else ()) if name != container.name]
    if pod is None or others:
        yield warned(
            "SharedNetwork",
            f"the network that container {container.name} shares with"
            f" {listed(others or [container.network_of[:12]])} is shut from the checkpoint to the"
            " restore: its connections would not survive otherwise",
            "If it is not to be restored here, restart the others: podman pod restart, or podman"
            " restart",
        )


def restore_checks(
    name: str, *, in_pod: bool, shared: Sequence[str], wanted: str, pod: Pod | None
) -> Iterator[Check]:
    """Checks that an archive and the pod that it is to be restored into fit.

    Args:
        name: of the container.
        in_pod: it was in a pod when it was saved.
        shared: the namespaces of its pod that it was in.
        wanted: the pod that the spec names, or nothing.
        pod: that pod, if it is on the host.
    """
    create = f"podman pod create --share {','.join(shared) or 'none'} {wanted or 'POD'}"
    if not in_pod and not wanted:
        return
    if not wanted:
        yield failed(
            "Pod",
            f"container {name} was in a pod",
            Cause.POD_NEEDED,
            Setting(f"spec.pod to a pod that you create for it: {create}"),
        )
    elif not in_pod:
        yield failed(
            "Pod",
            f"container {name} was in no pod, and Podman restores such a one only outside of pods",
            Cause.POD_MISMATCH,
            Setting("no spec.pod"),
        )
    elif pod is None:
        yield failed("Pod", f"there is no pod {wanted} on this host", Cause.POD_MISSING, create)
    elif not pod.infra_id:
        yield failed(
            "Pod",
            f"pod {pod.name} has no infra container, which Podman needs for a restore into it",
            Cause.POD_MISMATCH,
            "Create the pod without --infra=false",
        )
    elif missing := [each for each in shared if each not in pod.shared]:
        yield failed(
            "Pod",
            f"container {name} shared {listed(shared, most=6)} with its pod; pod {pod.name} does"
            f" not share {listed(missing, most=6)}",
            Cause.POD_MISMATCH,
            f"Create a pod that does: {create}",
        )
    else:
        yield passed("Pod", f"pod {pod.name} shares {listed(pod.shared, most=6) or 'nothing'}")


def shared_network_checks(shared: Sequence[str], options: Sequence[str]) -> Iterator[Check]:
    """Checks that nothing is asked of the container's network that is its pod's.

    Args:
        shared: the namespaces of its pod that it was in.
        options: the fields of the spec that are set and change a container's own network.
    """
    if options and "net" in shared:
        yield failed(
            "Options",
            f"{listed(options)} cannot be fulfilled: the container is in the network of its pod",
            Cause.UNSUPPORTED_OPTION,
            "Remove them, and give ports and addresses to podman pod create",
        )


def joined_checks(
    container: Container, joined: Mapping[str, Container | None], taken_at: datetime
) -> Iterator[Check]:
    """Checks of a restore in place that the namespaces it was in are still there.

    The stored state names them by the process that held them. Of a pod they are found anew.

    Args:
        container: to be restored, in no pod.
        joined: the containers whose namespaces it was in, by ID.
        taken_at: when it was saved.
    """
    for container_id, other in joined.items():
        if other is None or other.state is not State.RUNNING or other.started_at > taken_at:
            name = other.name if other else container_id[:12]
            state = "is gone" if other is None else f"is {other.state}"
            if other and other.state is State.RUNNING:
                state = "was started again since the checkpoint"
            yield failed(
                "Dependencies",
                f"container {container.name} was in namespaces of container {name}, which {state}",
                Cause.DEPENDENCY_RESTARTED,
                f"Start the container afresh: podman start {container.name}. To survive a reboot,"
                " put such containers into a pod",
            )
