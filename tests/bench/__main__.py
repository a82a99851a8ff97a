"""All measurements, one after the other; prints the table of ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests import bench
from tests.e2e.support import (
    Bench,
    Container,
    archive_in_host,
    checkpoint,
    clear_host,
    make_namespace,
    remove_namespace,
)
from tests.lab import inventory, lifecycle, paths
from tests.lab.inventory import Host
from tests.lab.waiting import wait_until

HOST: Final = "host-a"
FIND_AGENT: Final = "pgrep --oldest --full podman_checkpoint_operator.cli.main"
IDLE_SECONDS: Final = 30
FILL_MEMORY: Final = """\
dd if=/dev/urandom bs=1G count=1 iflag=fullblock | while :; do sleep 1; done
"""
"""Holds 1 GiB that nobody reads."""


@dataclass(frozen=True)
class Row:
    """One measurement: the median of the product's figures, of the peer's, and of the ratios."""

    what: str
    ours: float
    peer: float
    ratio: float
    aim: str

    def __str__(self) -> str:
        """A row of the table."""
        ratio = f"{self.ratio:.2f}" if self.peer else "-"
        peer = f"{self.peer:.2f}" if self.peer else "-"
        return f"| {self.what} | {self.ours:.2f} | {peer} | {ratio} | {self.aim} |"


def main() -> int:
    """Measure everything; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=bench.__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="pairs of each kind (10)")
    pairs = parser.parse_args().pairs
    lifecycle.up()
    host, work = inventory.host(HOST), Bench()
    make_namespace(work.prefix)
    try:
        rows = [
            idle_memory(host),
            in_place(work, pairs),
            in_place_by_kubectl(work, pairs),
            live(work, pairs),
            *pause(work, pairs),
        ]
    finally:
        remove_namespace(work.prefix)
        clear_host(host, work.prefix)
        shutil.rmtree(paths.ARCHIVES / work.prefix, ignore_errors=True)
    print("| what | ours | peer | ours / peer | aim |\n|---|---|---|---|---|")
    print(*rows, sep="\n")
    return 0


def idle_memory(host: Host) -> Row:
    """Resident memory of an agent that has nothing to do."""
    host.agent_kill()
    host.agent_start()
    time.sleep(IDLE_SECONDS)
    status = host.exec("sh", "-c", f"cat /proc/$({FIND_AGENT})/status").stdout
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Row("resident memory of an idle agent, MiB", int(line.split()[1]) / 1024, 0, 0, "≤ 80")


def in_place(work: Bench, pairs: int) -> Row:
    """A small container is checkpointed in place: by a resource, and by Podman's command line."""

    def ours(container: Container) -> None:
        work.carry_out(checkpoint(container, container.name))

    return _by_turns(
        "in-place checkpoint of a small container, s", "≤ 1.3", work, pairs, ours, _podman
    )


def in_place_by_kubectl(work: Bench, pairs: int) -> Row:
    """The same, with the time that kubectl itself takes to start and to apply the resource."""

    def ours(container: Container) -> None:
        work.checkpoint(container, container.name).wait_ready()

    return _by_turns("the same from kubectl apply on, s", "", work, pairs, ours, _podman)


def live(work: Bench, pairs: int) -> Row:
    """A small container is archived and runs on: by a resource, and by Podman's own export."""

    def ours(container: Container) -> None:
        work.carry_out(checkpoint(container, container.name, leaveRunning=True, archive={}))

    def peer(container: Container) -> None:
        file = f"--export=/var/tmp/{container.name}.tar.zst"
        container.host.exec(
            "podman", "container", "checkpoint", "--leave-running", file, container.name
        )

    return _by_turns("live archive of a small container, s", "", work, pairs, ours, peer)


def pause(work: Bench, pairs: int) -> list[Row]:
    """A container with 1 GiB of memory is archived and runs on: how long it is held still.

    The peers are the time that CRIU says it kept it frozen in the same dump, and the only way with
    Podman alone that is consistent: stop with an export, and restore.
    """
    host = inventory.host(HOST)
    ours, criu, command_line = [], [], []
    for number in range(pairs):
        container = work.run(host, "sh", "-c", FILL_MEMORY, suffix=f"memory-{number}")
        wait_until(partial(_has_filled, container), "the memory to be filled")
        saved = work.carry_out(checkpoint(container, container.name, leaveRunning=True, archive={}))
        statistics = saved.status["statistics"]
        ours.append(statistics["pausedMicroseconds"] / 1e6)
        criu.append(statistics["frozenMicroseconds"] / 1e6)
        command_line.append(_stop_export_restore(container))
        host.exec("rm", archive_in_host(saved.status))
        container.remove()
    return [
        _row("pause for 1 GiB of memory, and CRIU's own frozen time, s", "≤ 1.2", ours, criu),
        _row("pause for 1 GiB, and stop + export + restore, s", "≤ 0.15", ours, command_line),
    ]


def _has_filled(container: Container) -> bool:
    resident = container.host.exec("podman", "top", container.name, "rss").stdout.split()[1:]
    return max(map(int, resident)) >= 1 << 20


def _stop_export_restore(container: Container) -> float:
    file, podman = f"/var/tmp/{container.name}.tar", ("podman", "container")
    started = time.perf_counter()
    container.host.exec(*podman, "checkpoint", "--keep", f"--export={file}", container.name)
    container.host.exec(*podman, "restore", container.name)
    taken = time.perf_counter() - started
    container.host.exec("rm", file)
    return taken


def _podman(container: Container) -> None:
    container.host.exec("podman", "container", "checkpoint", container.name)


def _by_turns(
    what: str,
    aim: str,
    work: Bench,
    pairs: int,
    ours: Callable[[Container], None],
    peer: Callable[[Container], None],
) -> Row:
    times: tuple[list[float], list[float]] = ([], [])
    host = inventory.host(HOST)
    # The first pair warms both up.
    for number in range(pairs + 1):
        for run, taken in zip((ours, peer), times, strict=True):
            container = work.count(
                host, suffix=f"{what.split(maxsplit=1)[0]}-{run.__name__.strip('_')}-{number}"
            )
            started = time.perf_counter()
            run(container)
            taken.append(time.perf_counter() - started)
            container.remove()
    mine, theirs = (taken[1:] for taken in times)
    return _row(what, aim, mine, theirs)


def _row(what: str, aim: str, ours: list[float], peer: list[float]) -> Row:
    ratio = statistics.median(a / b for a, b in zip(ours, peer, strict=True))
    return Row(what, statistics.median(ours), statistics.median(peer), ratio, aim)


if __name__ == "__main__":
    sys.exit(main())
