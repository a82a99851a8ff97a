"""``kubectl podman-checkpoint``, by the real kubectl, on the real API server and hosts."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.support import archive_on_machine
from tests.lab import controlplane, paths
from tests.lab.controlplane import kubeconfig
from tests.lab.kubectl import apply, argv, environment, kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

PLUGIN = "podman-checkpoint"
NOBODY = "no-agent-here"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def run(bench: Bench, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the plugin in the test's namespace."""
    done = kubectl(PLUGIN, *words, f"--namespace={bench.prefix}", check=False, **settings)
    assert "Traceback" not in done.stderr
    return done


def good(bench: Bench, *words: str) -> str:
    """Return what the plugin prints when it is content."""
    done = run(bench, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(bench: Bench, *words: str) -> str:
    """Return what the plugin says when it cannot go on."""
    done = run(bench, *words)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def on_terminal(*words: str, columns: int = 80, **variables: str) -> tuple[str, int]:
    """Run kubectl on a terminal and return all that it wrote, and its exit status."""
    child, terminal = pty.fork()
    if not child:
        os.execve(argv()[0], argv(*words), {**environment(), "TERM": "xterm-256color", **variables})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    written = b""
    while True:
        try:
            written += os.read(terminal, 65536)
        except OSError:  # it has ended
            break
    os.close(terminal)
    return written.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class TestTheWholeWay:
    def test_a_live_checkpoint_goes_to_another_host(
        self, bench: Bench, host_a: Host, host_b: Host
    ) -> None:
        container = bench.count(host_a)
        host_b.load_image("busybox")
        done = run(
            bench,
            *("create", container.name, "--node", "host-a", "--leave-running", "--name", "live"),
            *("--label", "app=counter", "--wait"),
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "containercheckpoint.podman-checkpoint.dev/live created\n"
        phases = re.findall(r"^ +[0-9.]+s  (\w+)", done.stderr, re.MULTILINE)
        assert phases[-3:] == ["Checkpointing", "Archiving", "Ready"]
        saved = bench.object("ContainerCheckpoint", "live")
        archive = saved.wait_ready()["archive"]
        assert archive["uri"] in done.stderr

        name, *row = good(bench, "list", "checkpoints").splitlines()[1].split()
        assert (name, row[:3]) == ("live", [container.name, "host-a", "Ready"])
        (listed,) = json.loads(good(bench, "list", "-o", "json"))["items"]
        assert listed["status"] == saved.status
        assert "managedFields" not in listed["metadata"]
        assert good(bench, "list", "--node", "host-b", "-o", "name") == ""
        assert good(bench, "list", "-l", "app=counter", "-o", "name") == (
            "containercheckpoint.podman-checkpoint.dev/live\n"
        )
        described = good(bench, "describe", "live")
        for part in (archive["digest"], "Status:       Ready", "Measured:     paused for"):
            assert part in described
        assert re.search("Pass +Running +container .* is running", described)
        assert re.search("Normal +ArchiveStored", described)
        assert archive["digest"] in good(bench, "inspect", "live")
        assert container.name in good(bench, "inspect", str(archive_on_machine(saved.status)))

        restored = run(
            bench,
            *("restore", "--from", "live", "--node", "host-b", "--wait", "-o", "json"),
            *("--verify", "cat /counts", "--timeout", "2m"),
        )
        assert restored.returncode == 0, restored.stderr
        assert json.loads(restored.stdout)["status"]["verification"]["exitCode"] == 0
        container.on(host_b).require_counting_on(since=0)
        assert "RESTORE" in good(bench, "list")

    def test_a_container_comes_back_in_its_place(self, bench: Bench, host_a: Host) -> None:
        container = bench.count(host_a)
        create = ("create", container.id[:12], "--node", "host-a", "--wait", "-o", "name")
        name = good(bench, *create).strip()
        assert name.startswith("containercheckpoint.podman-checkpoint.dev/")
        assert container.state == "exited"
        counted = good(bench, "restore", "--from", name, "--wait")
        assert counted.endswith(" created\n")
        container.require_counting_on(since=0)

    def test_a_failure_is_told_with_cause_and_cure(self, bench: Bench) -> None:
        missing = bench.name("missing")
        done = run(bench, "create", missing, "--node", "host-a", "--wait", "--name", "bad")
        assert done.returncode == 2
        assert done.stdout.endswith("/bad created\n")
        for part in ("Failed: ContainerNotFound", "Cause:      ContainerNotFound", "Remedy:"):
            assert part in done.stderr
        described = good(bench, "describe", "bad")
        assert "Status:       Failed: ContainerNotFound" in described
        assert described.count("no such container") == 1
        assert "has failed" in good(bench, "diagnose", "bad")
        told = json.loads(good(bench, "diagnose", "cckpt/bad", "-o", "json"))
        assert (told["cause"], told["succeeded"]) == ("ContainerNotFound", False)
        assert "ContainerNotFound" in good(bench, "list", "-o", "wide")

    def test_the_api_server_may_be_away(self, bench: Bench) -> None:
        words = ("create", "web", "--node", NOBODY, "--wait", "--name", "waiting")
        command = argv(PLUGIN, *words, f"--namespace={bench.prefix}")
        saved = bench.object("ContainerCheckpoint", "waiting")
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, env=environment(), text=True, **pipes) as waiting:
            try:
                wait_until(saved.exists, "the checkpoint")
                controlplane.API_SERVER.stop()
                controlplane.up()
                assert waiting.poll() is None, waiting.communicate()[0]
                saved.delete()
                said, _ = waiting.communicate(timeout=120)
            finally:
                controlplane.up()
                waiting.kill()
        assert "the API server does not answer; trying again" in said
        assert waiting.returncode == 1
        assert re.search('(not found|"waiting" was deleted)\n', said)


class TestHosts:
    def test_they_are_listed_and_described(self, bench: Bench, host_a: Host) -> None:
        rows = [line.split() for line in good(bench, "hosts").splitlines()[1:]]
        by_name = {row[0]: row[1:] for row in rows}
        assert {"host-a", "host-b"} <= set(by_name)
        podman = host_a.exec("podman", "version", "--format", "{{.Client.Version}}").stdout.strip()
        assert by_name["host-a"][0] == "Ready"
        assert podman in by_name["host-a"]
        described = good(bench, "describe", "host-a")
        for part in ("Status:        Ready", f"Podman:        {podman}", "/etc/criu/runc.conf"):
            assert part in described
        (listed,) = [
            each
            for each in json.loads(good(bench, "hosts", "-o", "json"))["items"]
            if each["metadata"]["name"] == "host-a"
        ]
        assert listed["kind"] == "PodmanHost"


class TestDryRun:
    def test_client_prints_what_kubectl_takes(self, bench: Bench) -> None:
        create = ("create", "web", "--node", NOBODY, "--archive", "--name", "dry")
        assert good(bench, *create, "--dry-run=client") == (
            "containercheckpoint.podman-checkpoint.dev/dry created (dry run)\n"
        )
        text = good(bench, *create, "--dry-run=client", "-o", "yaml")
        assert yaml.safe_load(text)["spec"]["archive"] == {}
        kubectl("apply", "--dry-run=server", "--filename=-", stdin=text)
        assert good(bench, "list", "-o", "name") == ""

    def test_server_asks_for_its_judgement(self, bench: Bench) -> None:
        create = ("create", "web", "--node", NOBODY, "--dry-run=server", "--name", "dry")
        assert good(bench, *create).endswith("/dry created (server dry run)\n")
        shown = yaml.safe_load(good(bench, *create, "-o", "yaml"))
        assert shown["spec"]["timeoutSeconds"] == 600, "the API server has filled in its defaults"
        said = refused(bench, *create[:-1], "Bad_Name")
        assert said.startswith('The ContainerCheckpoint "Bad_Name" is invalid: metadata.name: ')
        assert good(bench, "list", "-o", "name") == ""


class TestErrors:
    def test_what_is_not_there(self, bench: Bench) -> None:
        not_found = "Error from server (NotFound): "
        kind = "containercheckpoints.podman-checkpoint.dev"
        nowhere = kubectl("get", "cckpt", "none", f"--namespace={bench.prefix}", check=False)
        for command in ("describe", "inspect", "diagnose"):
            assert refused(bench, command, "none") == nowhere.stderr
        assert (
            refused(bench, "restore", "--from", "none") == f'{not_found}{kind} "none" not found\n'
        )
        done = kubectl(
            *(PLUGIN, "create", "web", "--node", NOBODY, "--namespace=nowhere"), check=False
        )
        assert done.stderr == f'{not_found}namespaces "nowhere" not found\n'
        done = run(bench, "list")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"No resources found in {bench.prefix} namespace.\n"

    def test_the_same_name_twice(self, bench: Bench) -> None:
        create = ("create", "web", "--node", NOBODY, "--name", "one")
        good(bench, *create)
        assert refused(bench, *create) == (
            "Error from server (AlreadyExists):"
            ' containercheckpoints.podman-checkpoint.dev "one" already exists\n'
        )

    def test_what_the_api_refuses(self, bench: Bench) -> None:
        said = refused(bench, "restore", "--container", "web", "--node", NOBODY, "--new-name", "x")
        assert said.startswith('The ContainerRestore "web-')
        assert "need an archive" in said

    def test_a_user_without_rights(self, bench: Bench, tmp_path: Path) -> None:
        account = {"name": "nobody", "namespace": bench.prefix}
        apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        token = kubectl("create", "token", "nobody", f"--namespace={bench.prefix}").stdout.strip()
        config = tmp_path / "kubeconfig"
        config.write_text(kubeconfig(user={"token": token}))
        said = refused(bench, "list", f"--kubeconfig={config}")
        assert said.startswith("Error from server (Forbidden): containercheckpoints")
        create = ("create", "web", "--node", NOBODY, f"--kubeconfig={config}")
        assert "cannot create resource" in refused(bench, *create)
        config.write_text(kubeconfig(user={"token": "stale"}))
        assert refused(bench, "list", f"--kubeconfig={config}") == (
            "error: You must be logged in to the server (Unauthorized)\n"
        )

    def test_an_api_server_that_is_not_there(self, bench: Bench, tmp_path: Path) -> None:
        config = tmp_path / "kubeconfig"
        known = paths.KUBECONFIG.read_text()
        config.write_text(known.replace(controlplane.SERVER, f"https://{paths.GATEWAY}:1"))
        theirs = kubectl("get", "cckpt", f"--kubeconfig={config}", check=False).stderr
        assert refused(bench, "list", f"--kubeconfig={config}") == theirs.splitlines(True)[-1]

    def test_a_certificate_that_nobody_knows(self, bench: Bench, tmp_path: Path) -> None:
        config = yaml.safe_load(paths.KUBECONFIG.read_text())
        del config["clusters"][0]["cluster"]["certificate-authority-data"]
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        said = refused(bench, "list", f"--kubeconfig={tmp_path / 'kubeconfig'}")
        assert said.startswith("Unable to connect to the server: tls: certificate verify failed")


class TestWaiting:
    def test_the_time_is_over(self, bench: Bench) -> None:
        words = ("create", "web", "--node", NOBODY, "--wait", "--timeout", "1s", "--name", "late")
        done = run(bench, *words)
        assert done.returncode == 3
        assert "no agent of no-agent-here has taken it up yet" in done.stderr
        assert "error: timed out waiting: containercheckpoint" in done.stderr
        assert bench.object("ContainerCheckpoint", "late").exists()

    def test_ctrl_c(self, bench: Bench) -> None:
        words = ("create", "web", "--node", NOBODY, "--wait", "--name", "cut")
        waiting = subprocess.Popen(
            # Who runs the tests in the background may have them ignore the signal.
            ["env", "--default-signal=INT", *argv(PLUGIN, *words, f"--namespace={bench.prefix}")],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with waiting:
            try:
                assert waiting.stderr is not None
                assert "Pending" in waiting.stderr.readline()
                # As a terminal does it: to kubectl, which becomes the plugin.
                os.killpg(waiting.pid, signal.SIGINT)
                _, said = waiting.communicate(timeout=120)
            finally:
                waiting.kill()
        assert waiting.returncode == 130
        assert said.splitlines() == [
            "error: interrupted: containercheckpoint.podman-checkpoint.dev/cut goes on",
            "See how: kubectl podman-checkpoint describe cckpt/cut",
        ]


class TestTerminal:
    @pytest.fixture
    def words(self, bench: Bench, host_a: Host) -> tuple[str, ...]:
        container = bench.count(host_a)
        return (
            *(PLUGIN, "create", container.name, "--node", "host-a", "--leave-running", "--wait"),
            *("--name", "watched", f"--namespace={bench.prefix}"),
        )

    def test_progress_is_drawn(self, words: tuple[str, ...], bench: Bench) -> None:
        written, status = on_terminal(*words)
        assert status == 0
        assert COLOUR.search(written)
        assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
        last = CONTROL.sub("", written.rpartition("Checkpoint of")[2])
        for part in ("✓ Preflight", "✓ Checkpointing", "✓ Ready", "Measured:"):
            assert part in last
        for command in (("list",), ("describe", "watched"), ("list", "-A")):
            shown, _ = on_terminal(PLUGIN, *command, f"--namespace={bench.prefix}", columns=60)
            lines = CONTROL.sub("", shown).split("\r\n")
            wide = [line for line in lines if len(line) > 60]
            assert not [line for line in wide if "file:///" not in line and "sha256:" not in line]

    def test_without_colours(self, words: tuple[str, ...]) -> None:
        written, status = on_terminal(*words, NO_COLOR="1")
        assert status == 0
        assert not re.search(r"\x1b\[3[0-9]", written)


class TestCompletion:
    def complete(self, bench: Bench, *words: str) -> list[str]:
        """Return what kubectl's completion offers in the test's namespace."""
        done = kubectl("__complete", PLUGIN, f"--namespace={bench.prefix}", *words)
        return done.stdout.splitlines()

    def test_names_come_from_the_cluster(self, bench: Bench) -> None:
        good(bench, "create", "web", "--node", NOBODY, "--name", "saved-1")
        about = "ContainerCheckpoint of web, Pending"
        for words in (("describe", "sav"), ("restore", "--from", ""), ("describe", "a", "sav")):
            assert self.complete(bench, *words) == [f"saved-1\t{about}", ":4"]
        assert self.complete(bench, "create", "web", "--node", "no-") == [NOBODY, ":4"]
        assert "host-a\tPodmanHost, Ready" in self.complete(bench, "list", "--node", "host")
        assert self.complete(bench, "inspect", "./") == [":0"]

    def test_commands_and_options(self, bench: Bench) -> None:
        assert self.complete(bench, "dia") == ["diagnose\tExplain a failure", ":4"]
        assert self.complete(bench, "create", "web", "--compression", "z") == ["zstd", ":4"]
