"""A shutdown that asks the agent to save the containers, as the hold of shutdowns does.

Not here: a real shutdown, which needs systemd; tests/e2e/test_real_machine.py.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e import faults
from tests.e2e.test_drain import count, require_all_count_on, wait_for
from tests.lab import controlplane
from tests.lab.agents import prepare
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

STATE_DIR: Final = "/var/lib/podman-checkpoint/state"
FILES: Final = f"""
import json, sys
from dataclasses import asdict
from pathlib import Path
from podman_checkpoint_operator.host.shutdown_files import ShutdownFiles
boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
files = ShutdownFiles(Path("{STATE_DIR}"), lambda: boot_id)
answer = getattr(files, sys.argv[1])(*sys.argv[2:])
print(json.dumps(answer, default=asdict))
"""


def shutdown(host: Host, *call: str) -> Any:
    """Do on the host what the hold does with its files."""
    program = ("env", f"PYTHONPATH={prepare().python_path}", "python3", "-c", FILES)
    return json.loads(host.exec(*program, *call).stdout)


@pytest.fixture
def files(host_a: Host) -> Iterator[Callable[..., Any]]:
    """What the hold can do; what it asked for is taken back."""
    yield partial(shutdown, host_a)
    host_a.agent_start()
    shutdown(host_a, "withdraw")
    wait_for("NotDraining")


def test_an_agent_that_is_killed_answers_and_a_cancelled_shutdown_restores(
    bench: Bench, host_a: Host, files: Callable[..., Any]
) -> None:
    container = count(bench, host_a, suffix="counter")
    length = len(container.counts())
    # Podman would remove it when it stops.
    stubborn = count(bench, host_a, "--rm", suffix="stubborn")

    faults.kill_at("during:podman:checkpoint", host_a)
    request = files("ask")
    faults.wait_for_death(host_a)
    host_a.agent_start()

    def answer() -> dict[str, Any]:
        return files("answered", request) or {"waiting": [""]}

    wait_until(lambda: not answer()["waiting"], "the answer")
    assert answer()["safe"] == [container.name]
    assert "--rm" in answer()["lost"][stubborn.name]
    assert (container.state, stubborn.state) == ("exited", "running")

    assert files("withdraw")
    wait_for("NotDraining")
    require_all_count_on([container], {container.name: length})
    assert stubborn.state == "running"


@pytest.fixture
def api_server() -> Iterator[None]:
    yield
    controlplane.up()


def test_without_an_api_server_and_an_agent_that_is_killed(
    bench: Bench, host_a: Host, files: Callable[..., Any], api_server: None
) -> None:
    base = count(bench, host_a, suffix="base")
    needs = count(bench, host_a, f"--requires={base.name}", suffix="needs")
    lengths = {each.name: len(each.counts()) for each in (base, needs)}
    faults.kill_at("during:podman:checkpoint", host_a)
    controlplane.API_SERVER.stop()

    request = files("ask")
    faults.wait_for_death(host_a)
    host_a.agent_start()

    def safe() -> set[str]:
        answer = files("answered", request)
        return set(answer["safe"]) if answer else set()

    wait_until(lambda: safe() == set(lengths), "all to be safe")
    host_a.reboot(None)
    assert (base.state, needs.state) == ("exited", "exited")
    files("withdraw")  # the kernel is that of the machine, so the boot is the same
    controlplane.up()
    host_a.agent_start()
    wait_until(lambda: {base.state, needs.state} == {"running"}, "the restores")
    wait_for("NotDraining")
    require_all_count_on([base, needs], lengths)
    assert host_a.exec("ls", f"{STATE_DIR}/shutdown/offline").stdout == "known.json\n"
