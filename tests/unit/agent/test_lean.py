"""What an idle agent has in its memory is bounded; what it has no use for is not loaded."""

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
