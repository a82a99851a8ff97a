"""``spec.verify``: a command in the restored container decides Ready, and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import (
    kill_at,
    kill_at_each,
    require_nothing_left,
    require_unfrozen,
    state_on_host,
    wait_for_death,
)
from tests.e2e.support import Container, condition
from tests.lab.kubectl import kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from typing import Any

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

PASSWORD = "correct-horse-battery"


def verify(script: str, **more: Any) -> dict[str, Any]:
    """Return ``spec.verify`` that runs a shell script."""
    return {"exec": {"command": ["sh", "-c", script]}, **more}


def require_no_session(container: Container) -> None:
    """See that nothing runs in a container but its own processes, and Podman lists no command."""
    assert container.inspect("{{.ExecIDs}}") == "[]"
    listed = container.host.exec("podman", "top", container.name, "args").stdout
    assert "sleep 30" not in listed, listed


def test_in_place(bench: Bench, host_a: Host) -> None:
    """Failed with a secret in the output, adopted and hung, adopted without a command, and well."""
    container = bench.count(host_a, f"--env=DB_PASSWORD={PASSWORD}")
    saved = bench.checkpoint(container)
    saved.wait_ready()

    script = 'echo "as $DB_PASSWORD"; echo no such table >&2; exit 3'
    failed = bench.restore(host_a, saved, "failed", verify=verify(script))
    status = require_failed(
        failed, "VerificationFailed", evidence="exited with 3", remedy="existingContainer: Adopt"
    )
    assert status["verification"] == {"exitCode": 3, "output": "as <hidden>\nno such table"}
    assert PASSWORD not in str(failed.get()).replace(script, "")
    assert condition(status, "Restored")["status"] == "True"
    assert condition(status, "Verified")["status"] == "False"
    container.require_counting_on(since=len(container.counts()))
    require_no_session(container)

    again = {"existingContainer": "Adopt"}
    hung = "sleep 300 & echo begun; sleep 301"
    status = require_failed(
        bench.restore(host_a, saved, "hung", **again, verify=verify(hung, timeoutSeconds=1)),
        "VerificationFailed",
        evidence="did not end within 1 s and said: begun",
        remedy="existingContainer: Adopt",
    )
    assert status["verification"] == {"output": "begun"}
    require_no_session(container)

    absent = {"exec": {"command": ["psql", "--version"]}}
    status = require_failed(
        bench.restore(host_a, saved, "absent", **again, verify=absent),
        "VerificationFailed",
        evidence="psql",
        remedy="spec.verify.exec.command",
    )
    assert status["verification"]["exitCode"] == 127

    status = bench.restore(
        host_a, saved, "good", **again, verify=verify("wc -l <counts >&2")
    ).wait_ready()
    assert status["verification"]["exitCode"] == 0
    assert int(status["verification"]["output"]) > 0
    assert condition(status, "Ready")["reason"] == "Adopted"
    assert condition(status, "Verified")["status"] == "True"
    require_no_session(container)
    # What was run in the container is no part of it, and in nobody's way.
    bench.checkpoint(container, "afterwards").wait_ready()


def test_the_replaced_container_is_kept_until_the_restored_one_is_verified(
    bench: Bench, host_a: Host, host_b: Host
) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    replaced = bench.count(host_b, "--stop-timeout=0").id

    failed = bench.restore(
        host_b, saved, existingContainer="Replace", verify=verify("test -e /nothing")
    )
    status = require_failed(
        failed, "VerificationFailed", evidence="exited with 1", remedy="podman rename"
    )
    restored = container.on(host_b)
    restored.require_counting_on(since=1)
    aside = Container(host_b, replaced)
    name = aside.inspect("{{.Name}}")
    assert name in status["diagnosis"]["remedy"]
    assert aside.state == "exited"

    # As the remedy says.
    restored.remove()
    host_b.exec("podman", "rename", name, restored.name)
    status = bench.restore(
        host_b, saved, "good", existingContainer="Replace", verify=verify("cat /proc/1/comm")
    ).wait_ready()
    assert status["verification"] == {"exitCode": 0, "output": "sh"}
    assert restored.id == container.id
    assert not aside.exists()
    require_nothing_left(host_b)


@pytest.mark.parametrize(
    ("point", "verified"),
    [("after:journal:Restored", False), ("before:podman:remove", True)],
    ids=["not verified", "verified"],
)
def test_a_restore_that_is_deleted_gives_up_what_it_replaced_only_when_verified(
    bench: Bench, host_a: Host, host_b: Host, point: str, verified: bool
) -> None:
    container = bench.count(host_a)
    saved = bench.checkpoint(container, leaveRunning=True, archive={})
    saved.wait_ready()
    replaced = bench.count(host_b, "--stop-timeout=0").id
    kill_at(point, host_b)
    back = bench.restore(host_b, saved, existingContainer="Replace", verify=verify("true"))
    wait_for_death(host_b)
    back.delete()

    host_b.agent_start()
    restored, aside = container.on(host_b), Container(host_b, replaced)
    if verified:
        wait_until(lambda: not aside.exists(), "the replaced container to be removed")
    else:
        told = f"--field-selector=involvedObject.name={back.name},reason=Interrupted"
        namespace = f"--namespace={back.namespace}"
        wait_until(lambda: kubectl("get", "events", namespace, told).stdout, "an event of it")
        name = aside.inspect("{{.Name}}")
        said = kubectl("get", "events", namespace, told, "--output=wide").stdout
        assert f"podman rename {name} {restored.name}" in said
        assert aside.state == "exited"
        host_b.exec("podman", "rm", name)
    restored.require_counting_on(since=1)
    require_nothing_left(host_b)


def test_killed_while_it_verifies(bench: Bench, host_a: Host) -> None:
    """The command runs again; what the killed agent had begun is ended first."""
    container = bench.count(host_a)
    saved = bench.checkpoint(container)
    saved.wait_ready()
    script = "echo $$ >>/verified; test $(wc -l </verified) -gt 1 || exec sleep 300"

    back = kill_at_each(
        ("during:podman:start_session", "after:podman:start_session", "before:status:final"),
        host_a,
        lambda: bench.restore(host_a, saved, verify=verify(script, timeoutSeconds=60)),
        lambda: require_unfrozen(container),
    )

    assert back.status["verification"] == {"exitCode": 0, "output": ""}
    assert len(container.read("/verified").splitlines()) == 3
    require_no_session(container)
    require_nothing_left(host_a)


def test_deleted_while_it_verifies_and_no_agent_was_there(bench: Bench, host_a: Host) -> None:
    """Nobody asks for the restore any more: its command is ended, and the container runs on."""
    container = bench.count(host_a)
    saved = bench.checkpoint(container)
    saved.wait_ready()
    kill_at("during:podman:start_session", host_a)
    back = bench.restore(host_a, saved, verify=verify("sleep 300"))
    wait_for_death(host_a)
    back.delete()

    host_a.agent_start()

    require_nothing_left(host_a)
    require_no_session(container)
    require_unfrozen(container)
    assert not state_on_host(container)
