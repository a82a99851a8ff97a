"""The agent's command line as an administrator meets it: mistakes, credentials, a second agent.

Run on ``host-b`` beside the lab's own agent, with a state directory of its own where it may start.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.scraping import fetched
from tests.lab.kubectl import apply, kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

KUBECONFIG = "/etc/podman-checkpoint/kubeconfig"
AGENT = "podman-checkpoint-agent"
ELSEWHERE = "http://127.0.0.1:18099/healthz"


def run(
    host: Host, *arguments: str, env: tuple[str, ...] = (), seconds: int = 60
) -> subprocess.CompletedProcess[str]:
    """Run the agent's command; SIGTERM ends one that does start."""
    settings = (f"KUBECONFIG={KUBECONFIG}", f"PODMAN_CHECKPOINT_NODE_NAME={host.name}", *env)
    command = ("timeout", "--preserve-status", str(seconds), "env", *settings, AGENT, *arguments)
    return host.exec(*command, check=False)


def elsewhere(bench: Bench, *arguments: str) -> tuple[str, ...]:
    """Return arguments of an agent that does not get in the way of the host's own."""
    return (
        "run",
        f"--state-dir=/tmp/{bench.prefix}",
        f"--liveness={ELSEWHERE}",
        "--metrics=",
        f"--node-name={bench.prefix}",
        *arguments,
    )


@pytest.mark.parametrize(
    ("arguments", "env", "message"),
    [
        (("run", "--max-operations=0"), (), "--max-operations (PODMAN_CHECKPOINT_MAX_OPERATIONS)"),
        (("run",), ("PODMAN_CHECKPOINT_MAX_OPERATIONS=many",), "--max-operations"),
        (("run", "--podman-url=tcp://x"), (), "must be the URL of a UNIX socket"),
        (("run", "--state-dir=here"), (), "must be an absolute path"),
        (("run", "--liveness=foo"), (), "must be empty or like http://127.0.0.1:8088/healthz"),
        (("run", "--metrics=foo"), (), "must be empty or like http://127.0.0.1:8089/metrics"),
        (("run", "--log-format=xml"), (), "'text' or 'json'"),
        (("run", "--no-such-flag"), (), "unrecognized arguments: --no-such-flag"),
        ((), (), "the following arguments are required: COMMAND"),
        (("run", "--state-dir=/etc/hostname"), (), "/etc/hostname"),
        (("run",), ("KUBECONFIG=/nowhere",), "Set KUBECONFIG"),
        (("run",), (), "another agent of this host is running"),
    ],
)
def test_mistakes(
    bench: Bench, host_b: Host, arguments: tuple[str, ...], env: tuple[str, ...], message: str
) -> None:
    done = run(host_b, *arguments, env=env)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("flag", "url"),
    [
        ("--liveness", "http://127.0.0.1:8088/healthz"),
        ("--metrics", "http://127.0.0.1:8089/metrics"),
    ],
)
def test_an_address_that_is_taken(bench: Bench, host_b: Host, flag: str, url: str) -> None:
    wait_until(lambda: fetched(host_b, url), "the host's own agent to listen")
    done = run(host_b, *elsewhere(bench, f"{flag}={url}"))
    assert done.returncode == 2
    assert f"{url} is in use\nSet {flag} to a free address" in done.stderr
    assert "Traceback" not in done.stderr


def test_not_root(bench: Bench, host_b: Host) -> None:
    command = ("setpriv", "--reuid=65534", "--clear-groups", "env", "KUBECONFIG=/tmp/kubeconfig")
    host_b.exec("install", "-m", "644", KUBECONFIG, "/tmp/kubeconfig")
    done = host_b.exec(*command, AGENT, "run", "--state-dir=/var/lib/nobody", check=False)
    host_b.exec("rm", "/tmp/kubeconfig")
    assert done.returncode == 2
    assert "Run the agent as root" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_term_signal_ends_an_idle_agent_well(bench: Bench, host_b: Host) -> None:
    done = run(
        host_b, *elsewhere(bench, "--log-format=json", "--podman-url=unix:///run/none"), seconds=8
    )
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    messages = [line["message"] for line in lines]
    assert messages[-1] == "agent stopped"
    assert "agent started" in messages
    assert any("does not exist yet" in message for message in messages)
    assert {"severity", "timestamp", "message"} <= set(lines[0])


def test_without_permissions_the_log_says_which(bench: Bench, host_b: Host) -> None:
    apply(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "nobody", "namespace": bench.prefix},
        }
    )
    token = kubectl("create", "token", "nobody", f"--namespace={bench.prefix}").stdout.strip()
    config = json.loads(kubectl("config", "view", "--raw", "--output=json").stdout)
    for user in config["users"]:
        user["user"] = {"token": token}
    path = f"/tmp/{bench.prefix}.kubeconfig"
    host_b.exec("sh", "-c", 'cat >"$0"', path, stdin=json.dumps(config))
    done = run(host_b, *elsewhere(bench), env=(f"KUBECONFIG={path}",), seconds=8)
    host_b.exec("rm", path)
    assert done.returncode == 0
    assert 'cannot list resource "containercheckpoints"' in done.stderr
    assert f"system:serviceaccount:{bench.prefix}:nobody" in done.stderr
    assert "Traceback" not in done.stderr
    assert "{'kind'" not in done.stderr


def test_liveness(bench: Bench, host_b: Host) -> None:
    wait_until(
        lambda: "podman" in fetched(host_b, "http://127.0.0.1:8088/healthz"),
        "the liveness endpoint",
    )
