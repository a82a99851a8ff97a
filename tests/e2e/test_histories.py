"""Whatever a container did to its files, live and stopped: its tree comes out the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.histories import Proof, generate, seed_of_this_run
from tests.e2e.soak import times

if TYPE_CHECKING:
    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab


def test_random_histories(bench: Bench, host_a: Host, host_b: Host) -> None:
    Proof(bench, host_a, host_b).require(generate(times(12, soak=100), seed_of_this_run()))
