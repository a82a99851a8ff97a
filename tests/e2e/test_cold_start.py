"""A container that waits for its restore is not started afresh, by nobody but its user.

Not here: that the real podman-restart.service leaves it alone (test_real_machine.py). Namespaced
hosts have no systemd, so that its command is given by hand.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import (
    kill_at,
    kill_at_each,
    require_kept,
    require_nothing_left,
    require_unfrozen,
    wait_for_death,
)
from tests.e2e.test_preflight import checks, untouched
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

NOTES: Final = "/var/lib/podman-checkpoint/state/restart-policies"
AT_BOOT: Final = (
    *("podman", "start", "--all", "--filter", "restart-policy=always"),
    *("--filter", "restart-policy=unless-stopped"),
)
"""What podman-restart.service runs."""


def policy(container: Container) -> str:
    return container.inspect("{{.HostConfig.RestartPolicy.Name}}")


def noted(container: Container) -> bool:
    """Whether the host remembers a policy that the container is to get back."""
    note = f"{NOTES}/{container.id}.json"
    return not container.host.exec("test", "-e", note, check=False).returncode


def has_back(container: Container, name: str) -> bool:
    return policy(container) == name and not noted(container)


def require_not_lost(container: Container, name: str) -> None:
    """See that nothing is lost of the container, and that its policy is in force or noted."""
    require_kept(container)
    assert policy(container) == name or noted(container)


def test_killed_at_each_step_and_rebooted(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--restart=always")
    saved = kill_at_each(
        (
            "before:podman:set_restart_policy",
            "after:podman:set_restart_policy",
            "during:podman:checkpoint",
            "before:status:final",
        ),
        host_a,
        lambda: bench.checkpoint(container),
        lambda: require_not_lost(container, "always"),
    )
    assert checks(saved.status)["RestartPolicy"] == "Pass"
    assert (policy(container), noted(container)) == ("no", True)

    host_a.reboot(None)
    host_a.exec(*AT_BOOT)
    assert container.state == "exited"
    host_a.agent_start()

    kill_at_each(
        (
            "during:podman:restore",
            "before:podman:set_restart_policy",
            "after:podman:set_restart_policy",
            "before:status:final",
        ),
        host_a,
        lambda: bench.restore(host_a, saved),
        lambda: require_not_lost(container, "always"),
    )
    require_unfrozen(container)
    assert has_back(container, "always")
    require_nothing_left(host_a)


def test_failed_dump(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--restart=unless-stopped")
    host_a.exec("cp", "-p", "/etc/criu/runc.conf", "/etc/criu/runc.conf.away")
    try:
        host_a.exec("sh", "-c", "echo no-such-option >>/etc/criu/runc.conf")
        with untouched(container):
            bench.checkpoint(container).wait_failed("CRIUConfigInvalid")
    finally:
        host_a.exec("mv", "/etc/criu/runc.conf.away", "/etc/criu/runc.conf")
    assert has_back(container, "unless-stopped")


def test_resource_deleted_before_the_dump_and_after_it(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--restart=always")
    kill_at("after:podman:set_restart_policy", host_a)
    saved = bench.checkpoint(container, "begun")
    wait_for_death(host_a)
    saved.delete()
    since = container.started_at
    host_a.agent_start()
    wait_until(partial(has_back, container, "always"), "the policy to be back")
    assert (container.state, container.started_at) == ("running", since)

    saved = bench.checkpoint(container, "ended")
    saved.wait_ready()
    saved.delete()
    host_a.exec(*AT_BOOT)
    assert (container.state, policy(container)) == ("exited", "no")
    source = {"containerRef": {"name": container.name}}
    bench.restore(host_a, source).wait_ready()
    assert has_back(container, "always")


def test_started_by_hand_or_removed(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a, "--restart=always")
    other = bench.count(host_a, "--restart=always", suffix="other")
    bench.checkpoint(container, "one").wait_ready()
    bench.checkpoint(other, "two").wait_ready()
    note = f"{NOTES}/{other.id}.json"
    other.remove()
    host_a.exec("podman", "start", container.name)
    wait_until(partial(has_back, container, "always"), "the policy to be back")
    gone = partial(host_a.exec, "test", "-e", note, check=False)
    wait_until(lambda: gone().returncode, "the note of a container that is gone to be gone")


def test_in_a_pod_of_a_unit(bench: Bench, host_a: Host) -> None:
    """The pod would end with the container, and its unit remove both."""
    unit, pod = bench.name("pod.service"), bench.name("pod")
    host_a.exec("podman", "pod", "create", f"--label=PODMAN_SYSTEMD_UNIT={unit}", f"--name={pod}")
    container = bench.count(host_a, f"--pod={pod}")
    with untouched(container):
        require_failed(
            bench.checkpoint(container, "refused"),
            "ColdStart",
            evidence=f"belongs to a pod of {unit}: it would remove the pod",
            remedy=f"Run systemctl mask {unit}",
        )
    mask = f"/etc/systemd/system/{unit}"
    host_a.exec("ln", "-s", "/dev/null", mask)
    bench.checkpoint(container).wait_ready()
    host_a.exec("rm", mask)


def test_archive_holds_the_policy(bench: Bench, host_a: Host, host_b: Host) -> None:
    """What is moved keeps it, and what is left behind does not start beside it."""
    host_b.load_image("busybox")
    container = bench.count(host_a, "--restart=on-failure:3", suffix="retries")
    moved = bench.count(host_a, "--restart=unless-stopped", suffix="moved")
    live = bench.checkpoint(container, "live", leaveRunning=True, archive={})
    saved = bench.checkpoint(moved, "moved", archive={})
    live.wait_ready()
    saved.wait_ready()
    assert has_back(container, "on-failure")
    bench.restore(host_b, saved).wait_ready()
    assert has_back(moved.on(host_b), "unless-stopped")
    assert (moved.state, policy(moved)) == ("exited", "no")
    # The container itself, replaced by its restored self, is not suspended any more.
    bench.restore(host_a, saved, "again", existingContainer="Replace").wait_ready()
    assert has_back(moved, "unless-stopped")


def test_container_of_a_systemd_unit(bench: Bench, host_a: Host) -> None:
    unit = f"{bench.prefix}.service"
    container = bench.count(host_a, f"--label=PODMAN_SYSTEMD_UNIT={unit}")
    with untouched(container):
        require_failed(
            bench.checkpoint(container, "refused"),
            "ColdStart",
            evidence=f"the container belongs to {unit}",
            remedy=f"systemctl mask {unit}",
        )
        bench.checkpoint(container, "live", leaveRunning=True, archive={}).wait_ready()
    # As systemctl does it.
    path = f"/etc/systemd/system/{unit}"
    host_a.exec("ln", "-s", "/dev/null", path)
    saved = bench.checkpoint(container, "masked")
    assert checks(saved.wait_ready())["SystemdUnit"] == "Pass"
    host_a.exec("rm", path)
    status = bench.restore(host_a, saved).wait_ready()
    assert checks(status)["SystemdUnit"] == "Warn"
