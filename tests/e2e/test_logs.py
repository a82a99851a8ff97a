"""The agent's log for machines: each line an object, and each tells what it is about."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.lab.agent_process import PID_FILE
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


def test_every_line_is_an_object_and_tells_its_resource(bench: Bench, host_a: Host) -> None:
    container = bench.count(host_a)
    host_a.agent_kill()
    before = len(host_a.agent_log())
    host_a.agent_start({"PODMAN_CHECKPOINT_LOG_FORMAT": "json"})

    saved = bench.checkpoint(container)
    saved.wait_ready()
    bench.checkpoint(container, "nobody", containerRef={"name": "none"}).wait_ended()
    back = bench.restore(host_a, saved)
    back.wait_ready()

    wait_until(
        lambda: host_a.agent_log()[before:].count('"succeeded"') == 2, "both ends to be logged"
    )
    host_a.exec("sh", "-c", f'kill -TERM "$(cat {PID_FILE})"')
    wait_until(lambda: not host_a.agent_running(), "the agent to end")
    lines = [json.loads(line) for line in host_a.agent_log()[before:].splitlines()]
    assert lines[-1]["message"] == "agent stopped"
    assert "asyncio" not in {line["logger"] for line in lines}
    for line in lines:
        assert {"severity", "message", "logger"} <= set(line)
        assert line["node"] == "host-a"
        assert datetime.fromisoformat(line["timestamp"]).tzinfo
        assert "traceback" not in line
    for each, operation in ((saved, "checkpoint"), (back, "restore")):
        metadata = each.get()["metadata"]
        mine = [line for line in lines if line.get("object", {}).get("uid") == metadata["uid"]]
        assert mine[-1]["message"] == "succeeded"
        assert "Finished" in {line.get("step") for line in mine}
        for line in mine:
            assert line["operation"] == operation
            assert line["object"] == {
                "apiVersion": "podman-checkpoint.dev/v1alpha1",
                "kind": each.resource.kind,
                "namespace": bench.prefix,
                "name": each.name,
                "uid": metadata["uid"],
            }
    (failed,) = [line for line in lines if line["message"] == "failed"]
    assert failed["severity"] == "warn"
    assert failed["object"]["name"] == "nobody"
    assert failed["cause"] == "ContainerNotFound"
    assert failed["evidence"]
    assert failed["remedy"]
