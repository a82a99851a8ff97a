"""``spec.hooks``: commands around a checkpoint, also when it fails or its agent is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.explained import require_failed
from tests.e2e.faults import (
    archives,
    kill_at,
    kill_at_each,
    require_kept,
    require_nothing_left,
    require_one_archive,
    require_unfrozen,
    wait_for_death,
)
from tests.e2e.support import forget_ghost_limit
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from typing import Any

    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

SECRET = "correct-horse-battery"
LIVE: dict[str, Any] = {"leaveRunning": True, "archive": {}}


def hook(script: str, **more: Any) -> dict[str, Any]:
    """Return a hook that runs a shell script."""
    return {"exec": {"command": ["sh", "-c", script]}, **more}


def noting(name: str, **more: Any) -> dict[str, Any]:
    """Return a hook that notes its name and how far the counter is."""
    return hook(f"echo {name} $(wc -l </counts) | tee -a /hooks", **more)


BOTH = {"preCheckpoint": noting("pre"), "postCheckpoint": noting("post")}


def noted(container: Container) -> list[str]:
    """Return the names of the hooks that have run, in order."""
    return [line.split()[0] for line in container.read("/hooks").splitlines()]


def test_before_and_after_a_live_archive(bench: Bench, host_a: Host, host_b: Host) -> None:
    """Both run once; the archive is of the time between; a database's CHECKPOINT fits in."""
    container = bench.count(host_a, f"--env=TOKEN={SECRET}")
    hooks = {**BOTH, "preCheckpoint": hook('echo pre >>/hooks; echo "$TOKEN" >&2')}

    saved = bench.checkpoint(container, **LIVE, hooks=hooks)
    status = saved.wait_ready()

    assert noted(container) == ["pre", "post"]
    pre, post = status["hooks"]
    assert pre == {"name": "preCheckpoint", "exitCode": 0, "output": "<hidden>"}
    assert (post["name"], post["exitCode"]) == ("postCheckpoint", 0)
    assert post["output"].startswith("post ")
    assert container.inspect("{{.ExecIDs}}") == "[]"
    host_b.load_image("busybox")
    bench.restore(host_b, saved).wait_ready()
    assert noted(container.on(host_b)) == ["pre"]


def test_a_hook_that_fails_or_hangs(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    started_at = container.started_at

    failed = bench.checkpoint(
        container, "failed", **LIVE, hooks={**BOTH, "preCheckpoint": hook("echo no; exit 7")}
    )
    status = require_failed(
        failed, "HookFailed", evidence="exited with 7 and said: no", remedy="onError: Continue"
    )
    assert [each["exitCode"] for each in status["hooks"]] == [7, 0]
    assert noted(container) == ["post"]

    hung = hook("sleep 300 & sleep 301", timeoutSeconds=1)
    require_failed(
        bench.checkpoint(container, "hung", hooks={"preCheckpoint": hung}),
        "HookFailed",
        evidence="did not end within 1 s",
        remedy="The container was not checkpointed",
    )
    assert "sleep 30" not in host_a.exec("podman", "top", container.name, "args").stdout
    assert container.started_at == started_at
    assert not archives(bench)

    unlocked = {**BOTH, "postCheckpoint": hook("exit 8")}
    require_failed(
        bench.checkpoint(container, "unlocked", **LIVE, hooks=unlocked),
        "HookFailed",
        evidence="postCheckpoint",
        remedy="nothing was archived",
    )
    assert not archives(bench)

    # With Continue it goes on, also into a dump that nothing of the hook disturbs.
    goes_on = bench.checkpoint(
        container, "on", hooks={"preCheckpoint": {**hung, "onError": "Continue"}}
    )
    status = goes_on.wait_ready()
    assert status["hooks"] == [{"name": "preCheckpoint", "output": ""}]
    wait_until(
        lambda: any(event.reason == "HookFailed" for event in goes_on.events()),
        "the event about the hook",
    )
    bench.restore(host_a, goes_on).wait_ready()
    container.require_counting_on(since=len(container.counts()))


def test_what_was_done_before_is_undone_when_the_dump_fails(bench: Bench, host_a: Host) -> None:
    """A ghost file that grows too large in the hook itself: preflight cannot have seen it."""
    script = (
        "exec 9>/ghost; rm /ghost;"
        " while :; do cat /more >&9 2>/dev/null && rm /more; sleep 0.1; done"
    )
    container = bench.run(host_a, "sh", "-c", script)
    forget_ghost_limit(host_a)
    grow = hook(
        "dd if=/dev/zero of=/more.new bs=1M count=3; mv /more.new /more;"
        " while test -e /more; do sleep 0.1; done"
    )

    failed = bench.checkpoint(
        container,
        **LIVE,
        ghostLimit={"max": "2Mi"},
        hooks={"preCheckpoint": grow, "postCheckpoint": hook("echo post >>/hooks")},
    )

    require_failed(failed, "GhostFileTooLarge", remedy="spec.ghostLimit.max")
    assert noted(container) == ["post"]


def test_killed_around_a_live_dump(bench: Bench, host_a: Host) -> None:
    """Each attempt that begins again undoes the one before; at the end both have run in turn."""
    container = bench.count(host_a)

    saved = kill_at_each(
        (
            "after:journal:Preparing",
            "after:podman:start_session",
            "after:journal:Freezing",
            "after:journal:Captured",
            "before:status:final",
        ),
        host_a,
        lambda: bench.checkpoint(container, **LIVE, hooks=BOTH),
        lambda: require_unfrozen(container),
    )

    names = noted(container)
    assert names[-2:] == ["pre", "post"], names
    # No attempt begins before the one before it was undone.
    assert "pre pre" not in " ".join(names)
    require_one_archive(bench, saved)
    require_nothing_left(host_a)


def test_killed_in_a_hook_before_the_container_stops(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    script = "echo pre >>/hooks; test $(wc -l </hooks) -gt 1 || exec sleep 300"

    saved = kill_at_each(
        ("during:podman:start_session", "after:journal:Checkpointed"),
        host_a,
        lambda: bench.checkpoint(
            container, hooks={"preCheckpoint": hook(script, timeoutSeconds=60)}
        ),
        lambda: require_kept(container),
    )

    bench.restore(host_a, saved).wait_ready()
    assert noted(container) == ["pre", "pre"]
    assert "sleep 300" not in host_a.exec("podman", "top", container.name, "args").stdout
    require_nothing_left(host_a)


@pytest.mark.parametrize("point", ["during", "after"])
def test_deleted_while_no_agent_was_there(bench: Bench, host_a: Host, point: str) -> None:
    """Nobody asks for the checkpoint any more; what its hook has done is undone all the same."""
    container = bench.count(host_a)
    kill_at(f"{point}:podman:start_session", host_a)
    hangs = hook("echo pre >>/hooks; exec sleep 300")
    hooks = {**BOTH, "preCheckpoint": hangs} if point == "during" else BOTH
    saved = bench.checkpoint(container, **LIVE, hooks=hooks)
    wait_for_death(host_a)
    wait_until(lambda: noted(container) == ["pre"], "the hook to have begun")
    saved.delete()

    host_a.agent_start()

    wait_until(lambda: noted(container) == ["pre", "post"], "the hook to be undone")
    require_nothing_left(host_a)
    assert "sleep 300" not in host_a.exec("podman", "top", container.name, "args").stdout
