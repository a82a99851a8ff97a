"""``host-v`` is the machine that it stands for.

Checked on a virtual machine of its own: what it is made of; that a power cut loses what was not
synced and keeps what was; that containers survive the reboot into another kernel by checkpoint and
restore; the folder of archives; that a machine without power has left nothing. Not checked: what
the operator makes of it, see ``tests/e2e``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import paths, vm_machine
from tests.lab.cgroups import host_cgroup
from tests.lab.hosts import HostError
from tests.lab.shell import CommandFailed
from tests.lab.vm import VirtualHost
from tests.lab.vm_machine import VmError
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.lab, pytest.mark.vm, pytest.mark.timeout(1800)]

COUNTER = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.2; done"
PATIENCE = 120
"""Seconds. All is emulated, and other tests may run."""


def numbers(vm: VirtualHost, container: str) -> list[int]:
    return [int(word) for word in vm.exec("podman", "logs", container).stdout.split()]


def start_counter(vm: VirtualHost) -> str:
    """Run a container that counts, and return its ID once it does."""
    vm.load_image("busybox")
    run = ("podman", "run", "-d", "--name=counter", "localhost/lab/busybox:1", "sh", "-c", COUNTER)
    identifier = vm.exec(*run).stdout.strip()
    wait_until(lambda: len(numbers(vm, "counter")) > 3, "the counter", timeout=PATIENCE)
    return identifier


class TestMachine:
    def test_is_what_users_have(self, vm: VirtualHost) -> None:
        show = "{{.Host.OCIRuntime.Name}} {{.Host.CgroupManager}} {{.Host.CgroupsVersion}}"
        assert vm.exec("podman", "info", "--format", show).stdout.split() == [
            "crun",
            "systemd",
            "v2",
        ]
        assert vm.exec("criu", "--version").stdout.startswith("Version: 4.2")
        assert vm.exec("cat", "/proc/1/comm").stdout == "systemd\n"
        assert vm.exec("hostname").stdout == "host-w\n"

    def test_has_no_failed_unit(self, vm: VirtualHost) -> None:
        assert vm.exec("systemctl", "--failed", "--quiet").stdout == ""

    def test_answers_on_the_sockets_of_podman(self, vm: VirtualHost) -> None:
        url = "unix:///run/podman/podman.sock"
        assert vm.exec("podman", f"--url={url}", "version").stdout
        assert vm.exec("systemctl", "is-enabled", "podman.socket").stdout == "enabled\n"

    def test_has_the_large_image_from_the_start(self, vm: VirtualHost) -> None:
        before = vm.exec("podman", "images", "--quiet").stdout
        vm.load_image("postgres")
        assert vm.exec("podman", "images", "--quiet").stdout == before

    def test_can_be_named_only_as_a_virtual_machine(self) -> None:
        with pytest.raises(HostError, match="is no name of a virtual machine"):
            VirtualHost("host-a")


class TestNetwork:
    def test_reaches_what_listens_on_the_bridge(self, vm: VirtualHost, bridge: None) -> None:
        with socket.create_server((paths.GATEWAY, 0)) as server:
            address = f"/dev/tcp/{paths.GATEWAY}/{server.getsockname()[1]}"
            vm.exec("bash", "-c", f"echo hello >{address}", timeout=PATIENCE)
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100) == b"hello\n"


class TestExec:
    def test_passes_input_and_arguments_as_they_are(self, vm: VirtualHost) -> None:
        script = 'printf "%s|" "$@"; cat'
        done = vm.exec("sh", "-c", script, "x", "a b", "$HOME", "'\"", "--", stdin="typed")
        assert done.stdout == "a b|$HOME|'\"|--|typed"

    def test_gives_a_clean_environment(
        self, vm: VirtualHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LC_FROM_THE_MACHINE", "1")
        environment = vm.exec("env").stdout.splitlines()
        assert "LANG=C.UTF-8" in environment
        assert not [line for line in environment if line.startswith("LC_")]

    def test_reports_what_a_failing_program_said(self, vm: VirtualHost) -> None:
        with pytest.raises(CommandFailed, match="no such container") as caught:
            vm.exec("podman", "inspect", "--type=container", "nobody")
        assert caught.value.code == 125

    def test_ends_the_program_at_the_time_limit(self, vm: VirtualHost) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            vm.exec("sleep", "4712", timeout=1)
        wait_until(
            lambda: "sleep 4712" not in vm.exec("ps", "ax").stdout, "the end", timeout=PATIENCE
        )

    def test_goes_on_after_the_guest_restarted_itself(self, vm: VirtualHost) -> None:
        boot = ("cat", "/proc/sys/kernel/random/boot_id")
        before = vm.exec(*boot).stdout
        vm.exec("systemctl", "reboot", check=False)
        # Until it is down, the old system still answers.
        wait_until(lambda: not vm.is_up(), "the shutdown", timeout=PATIENCE)
        vm.up()
        assert vm.exec(*boot).stdout != before


class TestPower:
    def test_a_container_goes_on_under_another_kernel(self, vm: VirtualHost) -> None:
        vm.reboot("old")
        start_counter(vm)

        vm.exec("podman", "container", "checkpoint", "counter")
        vm.exec("sync")
        before = numbers(vm, "counter")
        old = vm.exec("uname", "-r").stdout
        vm.reboot("new")
        vm.exec("podman", "container", "restore", "counter")

        assert vm.exec("uname", "-r").stdout > old
        wait_until(
            lambda: len(numbers(vm, "counter")) > len(before), "the counter", timeout=PATIENCE
        )
        counted = numbers(vm, "counter")
        assert counted == list(range(len(counted)))

    def test_the_kernel_stays_until_another_is_chosen(self, vm: VirtualHost) -> None:
        vm.reboot("new")
        new = vm.exec("uname", "-r").stdout
        vm.reboot()
        assert vm.exec("uname", "-r").stdout == new

    def test_only_these_two_kernels_can_be_chosen(self, vm: VirtualHost) -> None:
        with pytest.raises(HostError, match="only old and new"):
            vm.reboot("oldest")
        assert vm.is_up()

    def test_a_power_cut_loses_what_was_not_synced(self, vm: VirtualHost) -> None:
        vm.exec("sh", "-c", "cd /root && echo kept >synced && sync synced . && echo lost >unsynced")
        vm.reboot()
        assert (
            vm.exec("sh", "-c", "cd /root && cat synced unsynced", check=False).stdout == "kept\n"
        )

    def test_one_that_does_not_start_says_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vm_machine, "PROCESSOR", "no-such-processor")
        broken = VirtualHost("host-x")
        with pytest.raises(VmError, match=r"(?s)host-x does not boot.*no-such-processor"):
            broken.up()
        broken.destroy()

    def test_booting_twice_changes_nothing(self, vm: VirtualHost) -> None:
        vm.exec("touch", "/run/same-boot")
        vm.up()
        assert vm.exec("ls", "/run/same-boot").stdout


class TestFreezing:
    def test_the_cgroup_that_crun_hands_to_criu_may_be_frozen(self, vm: VirtualHost) -> None:
        cgroup = f"/sys/fs/cgroup/machine.slice/libpod-{start_counter(vm)}.scope/container"
        freeze = (
            'echo 1 >"$0/cgroup.freeze" && until grep "frozen 1" "$0/cgroup.events"; do :; done'
        )
        vm.exec("sh", "-c", freeze, cgroup, timeout=PATIENCE)

        checkpoint = ("podman", "container", "checkpoint", "--leave-running", "counter")
        vm.exec(*checkpoint, timeout=PATIENCE)

        assert vm.exec("cat", f"{cgroup}/cgroup.freeze").stdout == "1\n"
        before = numbers(vm, "counter")
        assert numbers(vm, "counter") == before
        vm.exec("sh", "-c", 'echo 0 >"$0/cgroup.freeze"', cgroup)
        wait_until(
            lambda: len(numbers(vm, "counter")) > len(before), "the counter", timeout=PATIENCE
        )


class TestArchives:
    def test_are_seen_from_both_sides(self, vm: VirtualHost) -> None:
        write = """
            import os, sys
            os.umask(0)
            folder = os.open(sys.argv[1], os.O_RDONLY)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
            file = os.open("from-a-test.part", flags, 0o600, dir_fd=folder)
            os.write(file, b"hello")
            os.fsync(file)
            os.rename("from-a-test.part", "from-a-test", src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        """
        vm.exec("python3", "-c", textwrap.dedent(write), str(paths.ARCHIVES_IN_HOST))

        archive = paths.ARCHIVES / "from-a-test"
        status = archive.stat()
        assert archive.read_text() == "hello"
        assert (status.st_mode & 0o7777, status.st_uid) == (0o600, os.getuid())
        assert not list(paths.ARCHIVES.glob("*.part"))

        archive.write_text("hello host-w")
        seen = vm.exec("cat", str(paths.ARCHIVES_IN_HOST / archive.name)).stdout
        archive.unlink()
        assert seen == "hello host-w"


class TestTracesOnTheMachine:
    def test_none_of_a_machine_without_power_and_disk(self, vm: VirtualHost) -> None:
        vm.down()
        vm.down()
        assert not vm.is_up()
        assert not vm.agent_running()
        assert not host_cgroup(vm.name).path.exists()
        assert not list(Path("/run").glob(f"{paths.CGROUP_PREFIX}-{vm.name}*"))
        with pytest.raises(HostError, match="host-w is down"):
            vm.exec("true")

        vm.destroy()
        assert not vm.disk.exists()
