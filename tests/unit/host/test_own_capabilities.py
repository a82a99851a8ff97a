"""The capabilities of this process, from what the kernel says of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from podman_checkpoint_operator.host.own_capabilities import held

if TYPE_CHECKING:
    from pathlib import Path

FSETID = 1 << 4


def test_what_it_has_and_may_hand_on(tmp_path: Path) -> None:
    """What is out of the bounding set, programs that it starts do not get."""
    status = tmp_path / "status"
    status.write_text("Name:\tagent\nCapPrm:\tff\nCapEff:\t1f\nCapBnd:\tf3\nCapAmb:\t0\n")
    assert held(status) == 0x13


def test_a_process_that_was_started_without_one(tmp_path: Path) -> None:
    status = tmp_path / "status"
    with status.open("w") as file:
        command = ("setpriv", "--bounding-set=-fsetid", "cat", "/proc/self/status")
        subprocess.run(command, stdout=file, check=True)
    assert held() & FSETID
    assert held(status) == held() & ~FSETID
