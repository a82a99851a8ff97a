"""Deleted files that are still open: the ghost limit under each policy, on files of real size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import Bench, Container
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

FOLDER = "/etc/criu"
CONFIG = f"{FOLDER}/runc.conf"
FOREIGN = "# of another program\nmanage-cgroups=ignore\n"
SIZE = 20975616
"""What a SQL Server held."""


@pytest.fixture(autouse=True)
def config(host_a: Host) -> Iterator[None]:
    """CRIU's configuration without a ghost limit, as it was before afterwards."""
    before = read(host_a)
    write(host_a, FOREIGN)
    yield
    write(host_a, before)


@pytest.fixture
def ghostwriter(bench: Bench, host_a: Host) -> Container:
    """A container that counts, and holds a deleted file."""
    container = bench.run(host_a, image="ghostwriter")
    wait_until(lambda: "deleted" in logs(container), "the ghost file to be deleted")
    return container


def read(host: Host) -> str:
    return host.exec("cat", CONFIG).stdout


def write(host: Host, text: str) -> None:
    host.exec("sh", "-c", f"cat >{CONFIG}", stdin=text)


def files(host: Host) -> str:
    return host.exec("ls", FOLDER).stdout


def logs(container: Container) -> str:
    return container.host.exec("podman", "logs", container.name).stdout


def require_goes_on(container: Container) -> None:
    """See the container print its next number."""
    before = len(logs(container).splitlines())
    wait_until(lambda: len(logs(container).splitlines()) > before, "the next number")


def test_auto_predicts_the_limit(
    bench: Bench, ghostwriter: Container, host_a: Host, host_b: Host
) -> None:
    host_b.load_image("ghostwriter")

    saved = bench.checkpoint(
        ghostwriter, leaveRunning=True, archive={}, ghostLimit={"policy": "Auto"}
    )
    report = saved.wait_ready()["ghostLimit"]

    assert not report["attempts"]
    assert report["predictedBytes"] == SIZE
    assert report["limitBytes"] > SIZE
    assert report["configFile"] == CONFIG
    text = read(host_a)
    assert text.startswith(FOREIGN)
    assert text.splitlines()[-1] == f"ghost-limit {report['limitBytes']}"
    require_goes_on(ghostwriter)
    # The file goes with the container: no name, all bytes.
    bench.restore(host_b, saved).wait_ready()
    there = ghostwriter.on(host_b)
    held = there.exec("stat", "-L", "-c", "%s %h", "/proc/1/fd/3").stdout.split()
    assert held == [str(SIZE), "0"]
    require_goes_on(there)


def test_auto_sets_it_where_crun_reads_it(bench: Bench, host_a: Host) -> None:
    """Which file that is depends on its version, and Podman tells that of its default runtime."""
    before = files(host_a)
    container = bench.run(host_a, image="ghostwriter", options=("--runtime=crun",))
    wait_until(lambda: "deleted" in logs(container), "the ghost file to be deleted")
    try:
        report = bench.checkpoint(container, leaveRunning=True, archive={}).wait_ready()[
            "ghostLimit"
        ]
    finally:
        host_a.exec("sh", "-c", f"cd {FOLDER} && rm -f $(ls | grep -vxF '{before.strip()}')")

    assert not report["attempts"]
    assert report["limitBytes"] > SIZE
    require_goes_on(container)


def test_auto_with_a_limit_is_at_least_this(
    bench: Bench, ghostwriter: Container, host_a: Host
) -> None:
    saved = bench.checkpoint(ghostwriter, ghostLimit={"policy": "Auto", "limit": "512Mi"})

    assert saved.wait_ready()["ghostLimit"]["limitBytes"] == 512 << 20
    assert f"ghost-limit {512 << 20}\n" in read(host_a)


def test_auto_leaves_a_limit_that_is_high_enough(
    bench: Bench, ghostwriter: Container, host_a: Host
) -> None:
    text = f"ghost-limit 1G\n{FOREIGN}"
    write(host_a, text)

    saved = bench.checkpoint(ghostwriter)

    assert saved.wait_ready()["ghostLimit"]["limitBytes"] == 1 << 30
    assert read(host_a) == text


def test_auto_never_goes_beyond_max(bench: Bench, ghostwriter: Container, host_a: Host) -> None:
    status = bench.checkpoint(ghostwriter, ghostLimit={"policy": "Auto", "max": "20M"}).wait_failed(
        "GhostFileTooLarge"
    )

    assert str(SIZE) in status["diagnosis"]["evidence"]
    assert "/var/opt/mssql/.system/profiles/Temp/" in status["diagnosis"]["evidence"]
    assert "spec.ghostLimit.max" in status["diagnosis"]["remedy"]
    assert read(host_a) == FOREIGN
    require_goes_on(ghostwriter)


def test_fixed_is_exactly_this_and_taken_back(
    bench: Bench, ghostwriter: Container, host_a: Host
) -> None:
    text = f"{FOREIGN}ghost-limit 1G\n"
    write(host_a, text)

    saved = bench.checkpoint(ghostwriter, ghostLimit={"policy": "Fixed", "limit": "40M"})

    assert saved.wait_ready()["ghostLimit"]["limitBytes"] == 40_000_000
    assert read(host_a) == text


def test_fixed_too_small(bench: Bench, ghostwriter: Container, host_a: Host) -> None:
    status = bench.checkpoint(
        ghostwriter, ghostLimit={"policy": "Fixed", "limit": "20M"}
    ).wait_failed("GhostFileTooLarge")

    assert "20000000" in status["diagnosis"]["evidence"]
    assert f"spec.ghostLimit.limit: {SIZE}" in status["diagnosis"]["remedy"]
    assert read(host_a) == FOREIGN
    require_goes_on(ghostwriter)


def test_disabled_touches_nothing(bench: Bench, ghostwriter: Container, host_a: Host) -> None:
    status = bench.checkpoint(ghostwriter, ghostLimit={"policy": "Disabled"}).wait_failed(
        "GhostFileTooLarge"
    )

    assert "ghost-limit" in status["diagnosis"]["remedy"]
    assert read(host_a) == FOREIGN
    require_goes_on(ghostwriter)
    # With the limit that the administrator has set, the same works.
    write(host_a, f"{FOREIGN}ghost-limit 32M\n")
    again = bench.checkpoint(ghostwriter, "again", ghostLimit={"policy": "Disabled"})
    assert again.wait_ready()["ghostLimit"]["limitBytes"] == 32 << 20
