"""What an agent has no use for is not loaded, and not kept."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "charset_normalizer",
    "frozenlist._frozenlist",
    "kubernetes.client.api.core_v1_api",
    "kubernetes.client.models.v1_pod",
    "podman_checkpoint_operator.api.archive_report",
    "podman_checkpoint_operator.archive.inspection",
    "pydantic_settings",
)
START = """\
import json, sys
from podman_checkpoint_operator.cli.{program} import main
from podman_checkpoint_operator.agent.lean import spare_memory
spare_memory()
import podman_checkpoint_operator.{package}.run
import requests, kopf
answer = requests.Response()
answer._content = "Prüfung".encode()
print(json.dumps([sorted(sys.modules), answer.text]))
"""


@pytest.mark.parametrize(("program", "package"), [("main", "agent"), ("controller", "controller")])
def test_nothing_heavy_is_loaded_that_is_not_used(program: str, package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", START.format(program=program, package=package)],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
    )
    loaded, text = json.loads(done.stdout)
    assert set(HEAVY) & set(loaded) == set()
    assert text == "Prüfung"


BUFFERS = """\
import os
from podman_checkpoint_operator.agent.lean import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20

first = bytes(1 << 20)
del first
before = resident()
# Small ones between them keep the heap from shrinking at its end.
blocks = [(b"x" * (512 << 10), bytes(2000 + number)) for number in range(64)]
small = [each for _, each in blocks]
assert resident() - before > 30
del blocks
assert resident() - before > 30
give_back()
print(resident() - before)
"""


def test_buffers_go_back_to_the_kernel() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUFFERS],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
    )
    assert int(done.stdout) < 8
