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
from tests.lab.agents import prepare
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

FILES: Final = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from podman_checkpoint_operator.host.shutdown_files import ShutdownFiles
boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
files = ShutdownFiles(Path("/var/lib/podman-checkpoint/state"), lambda: boot_id)
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
