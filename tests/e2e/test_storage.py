"""Files survive whatever storage the two hosts have, and Podman's own restore as well as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.histories import Proof, generate, seed_of_this_run
from tests.e2e.soak import times
from tests.lab import inventory

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

HISTORIES = times(12, soak=100)


@pytest.mark.parametrize(
    ("source", "target"),
    [("host-c", "host-b"), ("host-a", "host-c"), ("host-d", "host-b")],
    ids=["from-vfs", "to-vfs", "from-metacopy"],
)
def test_random_histories(
    bench: Bench, other_hosts: dict[str, Host], source: str, target: str
) -> None:
    proof = Proof(bench, inventory.host(source), inventory.host(target), by_hand=True)
    proof.require(generate(HISTORIES, seed_of_this_run()))
