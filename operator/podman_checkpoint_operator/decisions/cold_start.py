"""What would start a stopped container afresh, while its state waits on the host to be restored.

After the reboot that a checkpoint was made for, a container that starts by itself starts cold: it
runs without what it had in memory, and its files move on, so that the state cannot be restored any
more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..criu.configuration import version
from .facts import Container, Host, RestartPolicy
from .preflight import Check, failed, passed, warned
from .starters import Starters

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
    own, of_pod = container.unit, starters.pod_unit
    if not own and not of_pod:
        return passed("SystemdUnit", "the container belongs to none")
    if not stops:
        return passed("SystemdUnit", f"the container runs on in {own or of_pod}")
    unmasked = list(dict.fromkeys(filter(None, ("" if starters.unit_masked else own, of_pod))))
    if not unmasked:
        return passed("SystemdUnit", f"{own} is masked")
    if can_be_held(container, starters):
        return passed("SystemdUnit", f"{own} is held until it restores the container")
    by_hand = (
        f"run systemctl mask {' '.join(unmasked)} and systemctl daemon-reload first (a unit file in"
        " /etc/systemd/system must be moved away for that), and unmask when the container may start"
        " afresh"
    )
    drop_in = (
        "give the unit the drop-in of docs/quadlets.md (it counts where SuccessExitStatus= has no"
        f" 1), run systemctl daemon-reload and, for a Quadlet, systemctl restart {own}; or "
    )
    remedy = Setting(
        "spec.leaveRunning: true with spec.archive",
        rather=by_hand if container.pod else f"{drop_in}{by_hand}",
    )
    return failed("SystemdUnit", _unsafe(own, of_pod, unmasked), Cause.COLD_START, remedy)


def _unsafe(own: str, of_pod: str, unmasked: Sequence[str]) -> str:
    if of_pod not in (own, ""):
        also = f", and itself to {own}" if own in unmasked else ""
        return (
            f"the container belongs to a pod of {of_pod}{also}: it would remove the pod with all"
            " that is in it when the last container stops, and make it anew after a reboot"
        )
    return (
        f"the container belongs to {own}, which would remove it or start it afresh when it stops,"
        " or after a reboot"
    )
