"""A namespaced host behaves as a machine does.

Checked on real hosts: containers survive a power cut by checkpoint and restore, and nothing else
does; hosts are apart, but reach each other; a host that is down has left nothing on the machine.
Not checked: what the operator makes of it, see ``tests/e2e``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import paths
from tests.lab.cgroups import host_cgroup, hosts_with_cgroup
from tests.lab.hosts import HostError, NamespacedHost
from tests.lab.shell import CommandFailed, run
from tests.lab.waiting import wait_until

pytestmark = pytest.mark.lab

COUNTER = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done"


def numbers(host: NamespacedHost, container: str) -> list[int]:
    return [int(word) for word in host.exec("podman", "logs", container).stdout.split()]


def sql(host: NamespacedHost, query: str) -> str:
    return host.exec("podman", "exec", "pg", "psql", "-Atc", query).stdout.strip()


def ask(host: NamespacedHost, script: str) -> subprocess.CompletedProcess[str]:
    return host.exec("podman", "exec", "pg", "sh", "-c", script, check=False)


def in_session(host: NamespacedHost, query: str) -> str:
    """The answer of the client session that has been open since the container started."""
    known = len(ask(host, "cat /tmp/session.out").stdout)
    ask(host, f"echo '{query}' >/tmp/session.in")
    wait_until(lambda: len(ask(host, "cat /tmp/session.out").stdout) > known, "the session")
    return ask(host, "cat /tmp/session.out").stdout[known:]


class TestPower:
    def test_a_container_goes_on_after_a_power_cut(self, host: NamespacedHost) -> None:
        host.load_image("busybox")
        host.exec(
            *("podman", "run", "-d", "--name=counter", "localhost/lab/busybox:1"),
            *("sh", "-c", COUNTER),
        )
        wait_until(lambda: len(numbers(host, "counter")) > 3, "the counter")

        host.exec("podman", "container", "checkpoint", "counter")
        before = numbers(host, "counter")
        host.reboot()
        host.exec("podman", "container", "restore", "counter")

        wait_until(lambda: len(numbers(host, "counter")) > len(before), "the restored counter")
        counted = numbers(host, "counter")
        assert counted == list(range(len(counted)))

    def test_a_database_keeps_its_rows_and_an_open_session(self, host: NamespacedHost) -> None:
        host.load_image("postgres")
        host.exec(
            *("podman", "run", "-d", "--name=pg", "--entrypoint=postgres-with-session"),
            "localhost/lab/postgres:1",
        )
        wait_until(lambda: not ask(host, "test -p /tmp/session.in").returncode, "the session")
        sql(host, "create table things as select generate_series(1, 10000) as id")
        rows = "select count(*), pg_postmaster_start_time() from things"
        before = sql(host, rows)
        in_session(host, "create temporary table mine as select 42 as answer;")
        session = "select answer, pg_backend_pid() from mine;"
        session_before = in_session(host, session)

        host.exec("podman", "container", "checkpoint", "pg")
        host.reboot()
        host.exec("podman", "container", "restore", "pg")

        assert before.startswith("10000|")
        assert sql(host, rows) == before
        assert session_before.startswith("42|")
        assert in_session(host, session) == session_before

    def test_only_the_disk_survives_a_reboot(self, host: NamespacedHost) -> None:
        lost = ("/run/lost", "/tmp/lost", "/dev/shm/lost")
        kept = ("/etc/kept", "/var/lib/containers/kept", "/var/lib/podman-checkpoint/kept")
        host.exec("touch", *lost, *kept)
        host.exec("setsid", "--fork", "sh", "-c", "exec sleep 4711 >/dev/null 2>&1")

        host.reboot()

        assert host.exec("ls", *lost, *kept, check=False).stdout.split() == list(kept)
        assert "sleep 4711" not in host.exec("ps", "ax").stdout
        host.exec("rm", *kept)

    def test_booting_twice_changes_nothing(self, host: NamespacedHost) -> None:
        host.exec("touch", "/run/same-boot")
        host.up()
        assert (host.rootfs / "run/same-boot").exists()

    def test_a_boot_that_was_broken_off_is_begun_again(self, bridge: None) -> None:
        host = NamespacedHost("host-s")
        host.destroy()
        unplugged = "from tests.lab.hosts import NamespacedHost as Host; Host._plug_in = exit"
        broken_off = f"{unplugged}; Host('host-s').up()"
        run(sys.executable, "-c", broken_off, cwd=paths.CHECKOUT)
        assert host.name in hosts_with_cgroup()
        assert not host.is_up()

        host.up()

        assert host.exec("podman", "info", check=False).returncode == 0
        host.destroy()

    def test_another_kernel_is_refused(self, host: NamespacedHost) -> None:
        with pytest.raises(HostError, match="use host-v"):
            host.reboot(kernel="new")
        assert host.is_up()

    def test_the_podman_service_comes_back(self, host: NamespacedHost) -> None:
        service = host.exec("pgrep", "-f", "podman system service").stdout.strip()
        host.exec("kill", "-KILL", service)
        answer = ("podman", "--url=unix:///run/podman/podman.sock", "version")
        wait_until(lambda: not host.exec(*answer, check=False).returncode, "the service")
        assert host.exec("pgrep", "-f", "podman system service").stdout.strip() != service


class TestGhostFile:
    def test_is_too_large_until_the_limit_is_raised(self, host: NamespacedHost) -> None:
        host.load_image("ghostwriter")
        host.exec("podman", "run", "-d", "--name=ghost", "localhost/lab/ghostwriter:1")
        wait_until(lambda: "deleted" in host.exec("podman", "logs", "ghost").stdout, "the file")
        checkpoint = ("podman", "container", "checkpoint", "ghost")

        with pytest.raises(CommandFailed):
            host.exec(*checkpoint)
        logs = host.rootfs.glob("var/lib/containers/storage/overlay-containers/*/userdata/dump.log")
        assert "Can't dump ghost file /var/opt/mssql/" in next(logs).read_text()

        config = host.rootfs / "etc/criu/runc.conf"
        text = config.read_text()
        config.write_text(f"{text}ghost-limit 20975616\n")
        host.exec(*checkpoint)
        config.write_text(text)
        assert text == "manage-cgroups=ignore\n"


class TestHosts:
    def test_are_apart(self, host: NamespacedHost, other_host: NamespacedHost) -> None:
        host.load_image("busybox")
        host.exec("podman", "create", "--name=mine", "localhost/lab/busybox:1")
        assert other_host.exec("podman", "ps", "--all", "--quiet").stdout == ""

    def test_share_the_archives(self, host: NamespacedHost, other_host: NamespacedHost) -> None:
        name = paths.ARCHIVES_IN_HOST / "from-a-test"
        host.exec("sh", "-c", 'echo hello >"$0"', str(name))
        assert other_host.exec("cat", str(name)).stdout == "hello\n"
        (paths.ARCHIVES / name.name).unlink()

    def test_have_the_same_images(self, host: NamespacedHost, other_host: NamespacedHost) -> None:
        show = ("podman", "image", "inspect", "--format={{.Id}}", "localhost/lab/busybox:1")
        found = set()
        for each in (host, other_host):
            each.load_image("busybox")
            found.add(each.exec(*show).stdout)
        assert len(found) == 1

    def test_reach_each_others_ports(
        self, host: NamespacedHost, other_host: NamespacedHost
    ) -> None:
        host.load_image("busybox")
        host.exec(
            *("podman", "run", "-d", "--publish=8000:80", "localhost/lab/busybox:1"),
            *("httpd", "-f", "-h", "/opt/app"),
        )
        fetch = ("busybox", "wget", "-qO-", f"http://{host.address}:8000/state.txt")
        wait_until(lambda: not other_host.exec(*fetch, check=False).returncode, "the web server")
        assert other_host.exec(*fetch).stdout == "from the image\n"

    def test_have_names_of_a_kind(self) -> None:
        with pytest.raises(HostError, match="is no name of"):
            NamespacedHost("../a")


class TestExec:
    def test_passes_input_and_arguments_as_they_are(self, host: NamespacedHost) -> None:
        script = 'printf "%s|" "$@"; cat'
        done = host.exec("sh", "-c", script, "x", "a b", "$HOME", "--", stdin="typed")
        assert done.stdout == "a b|$HOME|--|typed"

    def test_gives_a_clean_environment(
        self, host: NamespacedHost, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FROM_THE_MACHINE", "1")
        assert "FROM_THE_MACHINE" not in host.exec("env").stdout

    def test_reports_what_a_failing_program_said(self, host: NamespacedHost) -> None:
        with pytest.raises(CommandFailed, match="no such container"):
            host.exec("podman", "inspect", "--type=container", "nobody")

    def test_ends_the_program_at_the_time_limit(self, host: NamespacedHost) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            host.exec("sleep", "4712", timeout=0.2)
        wait_until(lambda: "sleep 4712" not in host.exec("ps", "ax").stdout, "the program to end")


class TestTracesOnTheMachine:
    def test_none_of_a_host_that_is_down(self, host: NamespacedHost) -> None:
        host.load_image("busybox")
        host.exec("podman", "run", "-d", "localhost/lab/busybox:1", "sh", "-c", COUNTER)
        assert host.name in hosts_with_cgroup()

        host.down()
        host.down()

        assert not host.is_up()
        assert not host_cgroup(host.name).path.exists()
        assert not Path(f"/sys/class/net/{paths.BRIDGE}-t").exists()
        assert str(paths.HOSTS) not in Path("/proc/self/mountinfo").read_text()
        with pytest.raises(HostError, match="host-t is down"):
            host.exec("true")
        host.up()
        assert len(host.exec("podman", "ps", "--all", "--quiet").stdout.split()) == 1

    def test_none_of_one_whose_disk_was_deleted_while_it_ran(self, bridge: None) -> None:
        host = NamespacedHost("host-s")
        host.up()
        shutil.rmtree(host.disk)
        host.destroy()
        assert host.name not in hosts_with_cgroup()
        assert not Path(f"/sys/class/net/{paths.BRIDGE}-s").exists()

    def test_none_of_one_that_is_destroyed(self, bridge: None) -> None:
        host = NamespacedHost("host-s")
        host.up()
        host.destroy()
        assert not host.disk.exists()
        assert host.name not in hosts_with_cgroup()
