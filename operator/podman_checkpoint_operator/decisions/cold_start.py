"""What would start a stopped container afresh, while its state waits on the host to be restored.

After the reboot that a checkpoint was made for, a container that starts by itself starts cold: it
runs without what it had in memory, and its files move on, so that the state cannot be restored any
more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..criu.configuration import version
from .facts import Container, Host, RestartPolicy, Starters
from .preflight import Check, failed, passed, warned

NEVER: Final = RestartPolicy("no")
_STARTED_AT_BOOT: Final = ("always", "unless-stopped")
_UPDATES_POLICIES_SINCE: Final = (5, 1)


def is_started_at_boot(policy: RestartPolicy) -> bool:
    """Whether ``podman-restart.service`` of any Podman starts a container with this policy."""
    return policy.name in _STARTED_AT_BOOT


def checkpoint_checks(
    container: Container, host: Host, starters: Starters, *, stops: bool
) -> Iterator[Check]:
    """Checks that a container that a checkpoint stops stays stopped until it is restored."""
    yield _policy_check(container, host, starters, stops=stops)
    yield _unit_check(container, starters, stops=stops)


def restore_checks(container: Container, starters: Starters) -> Iterator[Check]:
    """Checks of who else has a hand in a container that is about to be restored in place."""
    if is_restored_by_unit(container, starters):
        yield passed("SystemdUnit", f"{container.unit} restores it, and has it back then")
    elif container.unit and not starters.unit_masked:
        yield warned(
            "SystemdUnit",
            f"the container belongs to {container.unit}, which does not know of the restore and"
            " would start it afresh",
            f"Run systemctl mask {container.unit}, until you want to hand it back",
        )


def can_be_held(container: Container, starters: Starters) -> bool:
    """Whether a container's unit can be told to leave the container alone.

    Not in a pod: the pod's own unit makes the pod, and all that is in it, anew.
    """
    return bool(container.unit) and starters.unit_guarded and not container.pod


def is_restored_by_unit(container: Container, starters: Starters) -> bool:
    """Whether a container is restored in place by a start of its unit, as the unit's own."""
    return (
        can_be_held(container, starters)
        and starters.unit_idle
        and container.conmon_pid_file is not None
    )


def _policy_check(container: Container, host: Host, starters: Starters, *, stops: bool) -> Check:
    policy = container.restart_policy.name
    seen = f"the restart policy is {policy}"
    if not stops or not is_started_at_boot(container.restart_policy):
        return passed("RestartPolicy", seen)
    if version(host.podman_version) >= _UPDATES_POLICIES_SINCE:
        return passed(
            "RestartPolicy", f"{seen}; it becomes no until the container runs again, then {policy}"
        )
    remedy = (
        "Run systemctl disable podman-restart.service until the container is restored, or upgrade"
        " to Podman 5.1"
    )
    cannot = f"{seen}, and Podman {host.podman_version} cannot change that"
    if starters.podman_restart:
        return failed(
            "RestartPolicy",
            f"{cannot}: podman-restart.service would start the container afresh after a reboot",
            Cause.COLD_START,
            remedy,
        )
    return warned("RestartPolicy", f"{cannot}; podman-restart.service is not enabled", remedy)


def _unit_check(container: Container, starters: Starters, *, stops: bool) -> Check:
    if not container.unit:
        return passed("SystemdUnit", "the container belongs to none")
    if not stops:
        return passed("SystemdUnit", f"the container runs on in {container.unit}")
    if starters.unit_masked:
        return passed("SystemdUnit", f"{container.unit} is masked")
    if can_be_held(container, starters):
        return passed("SystemdUnit", f"{container.unit} is held until it restores the container")
    unsafe = (
        f"the container belongs to {container.unit}, which would remove it or start it afresh when"
        " it stops, or after a reboot"
    )
    by_hand = (
        f"run systemctl mask {container.unit} and systemctl daemon-reload first (a unit file in"
        " /etc/systemd/system must be moved away for that), and unmask it when the container may"
        " start afresh"
    )
    drop_in = (
        "give the unit the drop-in of docs/quadlets.md, run systemctl daemon-reload and, for a"
        f" Quadlet, systemctl restart {container.unit}; or "
    )
    remedy = Setting(
        "spec.leaveRunning: true with spec.archive",
        rather=by_hand if container.pod else f"{drop_in}{by_hand}",
    )
    return failed("SystemdUnit", unsafe, Cause.COLD_START, remedy)
