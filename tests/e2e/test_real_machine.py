"""What only a real machine shows: systemd, pure cgroup v2, crun, and a reboot into another kernel.

Checked on ``host-v``: the freeze window with crun's inner cgroup; that the guard thaws although
systemd ends everything of a killed agent's unit; the ghost limit in the file that this crun reads;
and the article's order of steps, live archives and an export by hand before the reboot, which rolls
files back where its leftovers are not removed; memory that is copied before the pause; commands in
containers under systemd; that a reboot waits for checkpoints; and that neither
podman-restart.service nor a container's own unit starts it while it waits for its restore.
PostgreSQL does the same in ``make demo-reboot``.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import (
    kill_at_each,
    require_nothing_left,
    require_one_archive,
    require_unfrozen,
)
from tests.e2e.support import (
    Bench,
    Container,
    archive_in_host,
    condition,
)
from tests.e2e.test_cold_start import policy
from tests.e2e.test_drain import ON_DRAIN
from tests.e2e.test_hooks import hook
from tests.e2e.test_hosts import podman_host
from tests.e2e.test_verify import verify
from tests.lab import vm_hold
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.quadlets import Quadlet
    from tests.lab.inventory import Host
    from tests.lab.vm import VirtualHost

pytestmark = [pytest.mark.lab, pytest.mark.vm, pytest.mark.timeout(1800)]

PATIENCE = 300.0
APPEND = "n=0; while :; do echo $n; n=$((n + 1)); done >>/appended"
"""Appends to an open file as fast as it can."""

OWN_GROUPS = """\
cd /sys/fs/cgroup
mkdir -p inner/leaf other
echo $$ >inner/leaf/cgroup.procs
(echo 0 >other/cgroup.procs; while :; do sleep 1; done) &
n=0; while :; do echo $n >>/counts; n=$((n + 1)); sleep 0.05; done
"""
"""Puts its two processes into cgroups of its own, and counts."""

GROWS = """\
exec 9>/ghost
rm /ghost
n=0
while :; do
	cat /more >&9 2>/dev/null && rm /more
	echo $n >>/counts
	n=$((n + 1))
	sleep 0.1
done
"""
"""Holds a deleted file, to which it adds what is put into /more, and counts."""

BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"

COPIES: Final = {"checkpoint", "pre-checkpoint", "irmap-cache"}
"""What CRIU writes beside its log, in the bundle of a container."""


def cgroup(container: Container) -> str:
    """The cgroup of a container's first process, as crun gives it to CRIU."""
    pid = container.inspect("{{.State.Pid}}")
    line = container.host.exec("cat", f"/proc/{pid}/cgroup").stdout.strip()
    return f"/sys/fs/cgroup{line.removeprefix('0::')}"


def own_groups(container: Container) -> list[str]:
    """The groups with processes below the one that crun made for the container."""
    script = (
        'pid=$(podman inspect -f {{.State.Pid}} "$0"); cd /proc/$pid/root/sys/fs/cgroup;'
        " grep -lE . $(find . -name cgroup.procs)"
    )
    found = container.host.exec("sh", "-c", script, container.name, check=False).stdout.split()
    return sorted(path.removeprefix(".").removesuffix("/cgroup.procs") for path in found)


def bundle(container: Container) -> set[str]:
    """Names of what Podman keeps of a container."""
    folder = container.inspect("{{.StaticDir}}")
    return set(container.host.exec("ls", folder).stdout.split())


def is_frozen(host: Host, group: str) -> bool:
    shown = host.exec("cat", f"{group}/cgroup.events", check=False).stdout
    return "frozen 1" in shown


def test_a_live_archive_of_a_busy_writer_restores(machine: VirtualHost, work: Bench) -> None:
    writer = work.run(machine, "sh", "-c", APPEND)
    assert cgroup(writer).endswith(f"libpod-{writer.id}.scope/container")
    saved = work.checkpoint(writer, leaveRunning=True, archive={})
    status = saved.wait_ready()
    assert status["container"]["runtime"] == "crun"
    assert writer.state == "running"
    assert not is_frozen(machine, cgroup(writer))
    clone = Container(machine, work.name("clone"))
    work.restore(machine, saved, name=clone.name).wait_ready()
    assert clone.state == "running"
    writer.remove()
    # Memory and file are of the same moment: no number is missing and none is there twice.
    clone.host.exec("podman", "pause", clone.name)
    copied = f"/var/tmp/{clone.name}"
    machine.exec("podman", "cp", f"{clone.name}:/appended", copied)
    lines = machine.exec("cat", copied).stdout.split()
    machine.exec("rm", copied)
    machine.exec("podman", "unpause", clone.name)
    whole = lines[:-1]
    assert len(whole) > 100
    assert whole == [str(number) for number in range(len(whole))]


def test_memory_copied_beforehand_restores_in_place_and_from_an_archive(
    machine: VirtualHost, work: Bench
) -> None:
    """The counter shows that no page is older than the dump."""
    counter = work.count(machine)
    saved = work.checkpoint(counter, "live", preCopy=True, leaveRunning=True, archive={})
    status = saved.wait_ready()
    assert status["statistics"]["pagesPreCopied"] > 0
    clone = Container(machine, work.name("clone"))
    work.restore(machine, saved, "clone", name=clone.name).wait_ready()
    clone.require_counting_on(since=1)
    clone.remove()

    stopped = work.checkpoint(counter, "stopped", preCopy=True)
    status = stopped.wait_ready()
    assert status["statistics"]["pagesPreCopied"] > 0
    work.restore(machine, stopped, "stopped").wait_ready()
    counter.require_counting_on(since=len(counter.counts()))
    assert not COPIES & bundle(counter)


def test_killed_in_and_after_the_copy_of_memory(machine: VirtualHost, work: Bench) -> None:
    """The container runs on, the next agent begins anew, and Podman imports the archive by hand."""
    counter = work.count(machine)

    saved = kill_at_each(
        ("during:podman:checkpoint", "after:podman:checkpoint"),
        machine,
        lambda: work.checkpoint(counter, preCopy=True, leaveRunning=True, archive={}),
        lambda: require_unfrozen(counter),
    )

    assert saved.status["statistics"]["pagesPreCopied"] > 0
    assert not COPIES & bundle(counter)
    require_one_archive(work, saved)
    require_nothing_left(machine)
    clone = Container(machine, work.name("clone"))
    machine.exec(
        *("podman", "container", "restore", "--name", clone.name),
        *("--import", archive_in_host(saved.status)),
    )
    clone.require_counting_on(since=1)
    assert not COPIES & bundle(clone)


def test_hooks_a_dump_that_is_repeated_and_a_command_that_verifies(
    machine: VirtualHost, work: Bench
) -> None:
    """With --rm and memory copied beforehand; commands run in cgroups that systemd has made.

    A hook lets the deleted file grow after the look at it, so that CRIU refuses the first dump.
    """
    machine.exec("rm", "-f", "/etc/criu/default.conf")
    container = work.run(machine, "sh", "-c", GROWS, options=("--rm",))
    grow = "dd if=/dev/zero of=/more.new bs=1M count=3; mv /more.new /more"
    hooks = {
        "preCheckpoint": hook(f"{grow}; while test -e /more; do sleep 0.1; done"),
        "postCheckpoint": hook("echo post >>/hooks"),
    }

    saved = work.checkpoint(container, preCopy=True, leaveRunning=True, archive={}, hooks=hooks)
    status = saved.wait_ready()

    assert [each["sizeBytes"] for each in status["ghostLimit"]["attempts"]] == [3 << 20]
    assert [each["exitCode"] for each in status["hooks"]] == [0, 0]
    assert container.read("/hooks") == "post\n"
    assert status["statistics"]["pagesPreCopied"] > 0
    assert not COPIES & bundle(container)
    assert machine.exec("ls", "/var/tmp").stdout == ""

    clone = Container(machine, work.name("clone"))
    check = verify("wc -l </counts; test ! -e /hooks")
    back = work.restore(machine, saved, name=clone.name, verify=check).wait_ready()

    assert int(back["verification"]["output"]) > 0
    clone.require_counting_on(since=1)
    assert clone.exec("stat", "-Lc", "%s", "/proc/1/fd/9").stdout == f"{3 << 20}\n"
    for each in (container, clone):
        assert each.inspect("{{.ExecIDs}}") == "[]"
        assert own_groups(each) == [""]


def test_cgroups_that_a_container_made_for_itself_come_back(
    machine: VirtualHost, work: Bench
) -> None:
    """As systemd in a container makes them; the freeze window holds all of them."""
    container = work.run(machine, "sh", "-c", OWN_GROUPS, options=("--systemd=always",))
    wait_until(lambda: own_groups(container) == ["/inner/leaf", "/other"], "its groups")
    saved = work.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    container.remove()

    work.restore(machine, saved).wait_ready()

    container.require_counting_on(since=1)
    assert own_groups(container) == ["/inner/leaf", "/other"]


RESTORABLE: Final = """\
folder=/etc/systemd/system.conf.d
mkdir -p $folder
printf '%s\\n' '[Manager]' DefaultMemoryAccounting=no DefaultMemoryPressureWatch=off >$folder/x.conf
exec /usr/lib/systemd/systemd
"""
"""Starts a systemd that does without what CRIU cannot restore."""


def test_systemd_in_a_container_is_restored_or_refused(machine: VirtualHost, work: Bench) -> None:
    """By default it watches files of its cgroups; the remedy tells how it can do without."""
    systemd = partial(work.run, machine, image="systemd")
    plain = systemd(options=("--systemd=always",), suffix="plain")
    wait_until(lambda: "/system.slice/count.service" in own_groups(plain), "its service")
    require_failed(
        work.checkpoint(plain, "refused"),
        "CgroupWatch",
        evidence="init.scope/memory.events",
        remedy="--env=MEMORY_PRESSURE_WATCH=/dev/null",
    )
    assert plain.state == "running"
    plain.remove()

    options = ("--systemd=always", "--env=MEMORY_PRESSURE_WATCH=/dev/null")
    container = systemd("sh", "-c", RESTORABLE, options=options)
    wait_until(lambda: "/system.slice/count.service" in own_groups(container), "its service")
    saved = work.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    groups = own_groups(container)
    container.remove()

    active = ["systemctl", "is-active", "count", "systemd-journald"]
    work.restore(machine, saved, verify={"exec": {"command": active}}).wait_ready()

    container.require_counting_on(since=1)
    assert own_groups(container) == groups
    # It sees services end, and starts them.
    container.exec("systemctl", "restart", "count")
    wait_until(lambda: 0 in container.counts()[1:], "the service to count anew")


def test_the_ghost_limit_is_set_where_this_crun_reads_it(machine: VirtualHost, work: Bench) -> None:
    machine.exec("rm", "-f", "/etc/criu/default.conf")
    machine.load_image("ghostwriter")
    ghost = work.run(machine, image="ghostwriter")
    wait_until(lambda: "20975616" in _deleted_sizes(ghost), "the ghost file", timeout=PATIENCE)
    status = work.checkpoint(ghost, leaveRunning=True, archive={}).wait_ready()
    assert status["ghostLimit"]["attempts"] == []
    assert status["ghostLimit"]["configFile"] == "/etc/criu/default.conf"
    assert "ghost-limit" in machine.exec("cat", "/etc/criu/default.conf").stdout


def _deleted_sizes(container: Container) -> str:
    pid = container.inspect("{{.State.Pid}}")
    return container.host.exec(
        "sh", "-c", f"stat --dereference --format=%s /proc/{pid}/fd/* 2>/dev/null", check=False
    ).stdout


def test_a_container_is_thawed_when_systemd_ends_the_killed_agents_unit(
    machine: VirtualHost, work: Bench
) -> None:
    counter = work.count(machine)
    group = cgroup(counter)
    saved = work.checkpoint(counter, leaveRunning=True, archive={})
    wait_until(lambda: is_frozen(machine, group), "the freeze window", timeout=PATIENCE)
    machine.agent_kill()
    wait_until(lambda: not is_frozen(machine, group), "the guard to thaw it", timeout=PATIENCE)
    assert not machine.agent_running()
    counter.require_counting_on(since=len(counter.counts()))
    machine.agent_start()
    saved.wait_ready()
    assert not is_frozen(machine, group)
    left = machine.exec("find", "/sys/fs/cgroup", "-name", "podman-checkpoint-guard-*").stdout
    assert left == ""


UNIT: Final = """\
[Service]
Type=forking
PIDFile=/run/containers/storage/overlay-containers/{id}/userdata/conmon.pid
Restart=always
ExecStart=/usr/bin/podman start {name}
ExecStop=/usr/bin/podman stop --ignore --time=0 {name}
"""
"""What podman generate systemd makes, as far as it matters here."""


def test_a_unit_does_not_start_its_container_while_it_is_masked(
    machine: VirtualHost, work: Bench
) -> None:
    unit = f"{work.prefix}.service"
    container = work.count(machine, f"--label=PODMAN_SYSTEMD_UNIT={unit}")
    machine.exec("podman", "stop", "--time=0", container.name)
    # Where generators put them: a file in /etc could not be masked.
    machine.exec("mkdir", "-p", "/run/systemd/system")
    text = UNIT.format(id=container.id, name=container.name)
    machine.exec("sh", "-c", f"cat >/run/systemd/system/{unit}", stdin=text)
    machine.exec("systemctl", "daemon-reload")
    machine.exec("systemctl", "start", unit)
    machine.exec("systemctl", "mask", unit)
    machine.exec("systemctl", "daemon-reload")
    work.checkpoint(container).wait_ready()
    machine.exec("systemctl", "start", unit, check=False)
    assert container.state == "exited"
    machine.exec("rm", f"/etc/systemd/system/{unit}", f"/run/systemd/system/{unit}")
    machine.exec("systemctl", "daemon-reload")


def test_a_reboot_that_nobody_drained_for_loses_nothing(
    machine: VirtualHost, work: Bench, quadlet: Quadlet
) -> None:
    """A Quadlet's container is restored by its unit, which the boot would have started."""
    vm_hold.install(machine)
    quadlet.make_safe()
    opted_in = (ON_DRAIN, f"--label=podman-checkpoint.dev/namespace={work.prefix}")
    base = work.count(machine, *opted_in, suffix="base")
    needs = work.count(machine, *opted_in, f"--requires={base.name}", suffix="needs")
    other = work.count(machine, suffix="other")
    saved = (base, needs, quadlet.container)
    before = {each.name: len(each.counts()) for each in saved}
    boot = machine.exec("cat", BOOT_ID).stdout

    machine.exec("systemctl", "reboot", check=False)
    wait_until(lambda: not machine.is_up(), "the shutdown", timeout=PATIENCE)
    machine.up()

    assert machine.exec("cat", BOOT_ID).stdout != boot
    wait_until(lambda: drained(machine) == "NotDraining", "the restores", timeout=PATIENCE)
    for each in saved:
        each.require_counting_on(since=before[each.name])
    quadlet.require_owned()
    assert other.state == "exited"
    said = vm_hold.log(machine)
    assert re.search(f"waiting for .*{base.name}", said)
    assert "Safe, and restored after the boot" in said
    assert "lost" not in said
    vm_hold.remove(machine)


def drained(machine: VirtualHost) -> str:
    """Return the reason of the condition, as this boot has it."""
    status = podman_host(machine.name)["status"]
    if status.get("bootID") != machine.exec("cat", BOOT_ID).stdout.strip():
        return ""
    return str(condition(status, "Drained").get("reason"))


def test_archives_and_an_export_then_a_reboot_into_the_other_kernel(
    machine: VirtualHost, work: Bench
) -> None:
    before = machine.exec("uname", "-r").stdout.strip()
    counter = work.count(machine)
    work.checkpoint(counter, "live", leaveRunning=True, archive={}).wait_ready()
    export = f"/var/tmp/{counter.name}.tar"
    machine.exec("podman", "container", "checkpoint", "--leave-running", "--export", export,
                 counter.name)  # fmt: skip
    machine.exec("rm", export)
    saved = work.checkpoint(counter, "in-place")
    saved.wait_ready()
    assert counter.state == "exited"
    # Without a network: who is started at boot may get the address of one that waits.
    always = ("--restart=always", "--network=none")
    other = work.count(machine, *always, suffix="other")
    waiting = work.count(machine, *always, suffix="waiting")
    waits = work.checkpoint(waiting, "waiting")
    waits.wait_ready()
    machine.exec("systemctl", "enable", "podman-restart.service")
    machine.reboot("new" if machine.kernel == "old" else "old")
    assert machine.exec("uname", "-r").stdout.strip() != before
    started = partial(machine.exec, "systemctl", "is-active", "podman-restart.service", check=False)
    wait_until(lambda: not started().returncode, "podman-restart.service", timeout=PATIENCE)
    machine.exec("systemctl", "disable", "podman-restart.service")
    assert (other.state, waiting.state) == ("running", "exited")
    work.restore(machine, waits, "waited").wait_ready()
    waiting.require_counting_on(since=len(waiting.counts()))
    assert policy(waiting) == "always"
    work.restore(machine, saved).wait_ready()
    counter.require_counting_on(since=len(counter.counts()))
