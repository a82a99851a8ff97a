"""Tables fit the terminal, lose the least needed columns first, and obey no name's escapes."""

from __future__ import annotations

import pytest
from rich.console import Console

from podman_checkpoint_operator.api.names import CHECKPOINTS, RESTORES, Resource
from podman_checkpoint_operator.cli.plugin import screen, tables
from podman_checkpoint_operator.cli.plugin.describe import page
from tests.unit.cli.plugin import resources


def drawn(*made: object, width: int) -> list[str]:
    console = Console(width=width, highlight=False, markup=False)
    with console.capture() as captured:
        for each in made:
            console.print(each)
    return [line.rstrip() for line in captured.get().splitlines()]


def listed(resource: Resource, found: list[dict[str, object]], width: int) -> list[str]:
    columns = tables.columns(resource, wide=False, namespaces=False)
    rows = [tables.row(each, wide=False, namespaces=False) for each in found]
    return drawn(screen.table(columns, rows, width=width), width=width)


CHECKPOINT_ROWS = [
    resources.checkpoint("sql1-20261123-041233", **resources.ready()),
    resources.checkpoint("sql1-20261123-051233", **resources.failed()),
    resources.checkpoint("new"),
    resources.checkpoint("busy", **resources.working("Archiving")),
]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_lists_fit(width: int) -> None:
    lines = listed(CHECKPOINTS, CHECKPOINT_ROWS, width)
    assert len(lines) == 5
    assert max(map(len, lines)) <= width
    assert all(line.split()[0] in ("NAME", "new", "busy") or "sql1-" in line for line in lines)


def test_columns_go_in_order_of_need() -> None:
    titles = {width: listed(CHECKPOINTS, CHECKPOINT_ROWS, width)[0].split() for width in (200, 70)}
    everything = ["NAME", "CONTAINER", "NODE", "STATUS", "SIZE", "PAUSE", "AGE"]
    assert titles[200] == everything
    assert titles[70] == ["NAME", "CONTAINER", "NODE", "STATUS", "AGE"]


def test_what_a_row_says() -> None:
    ready, failed, new, busy = listed(CHECKPOINTS, CHECKPOINT_ROWS, 200)[1:]
    assert ready.split()[1:-1] == ["web", "host-a", "Ready", "186.4", "MiB", "298", "ms"]
    assert "Failed: TCPEstablished" in failed
    assert "Pending" in new
    assert "Archiving" in busy
    (restore,) = listed(
        RESTORES,
        [resources.restore(**resources.ready(statistics={"restoreMicroseconds": 121000}))],
        200,
    )[1:]
    assert restore.split()[:-1] == [
        *("again", "web", "host-b", "Ready", "cckpt/saved", "121", "ms")
    ]


def test_a_wide_list_has_everything() -> None:
    (found,) = CHECKPOINT_ROWS[:1]
    columns = tables.columns(CHECKPOINTS, wide=True, namespaces=True)
    made = screen.table(columns, [tables.row(found, wide=True, namespaces=True)], width=20)
    line = drawn(made, width=1000)[1]
    assert line.startswith("default")
    for part in (resources.URI, "localhost/lab/busybox:1", "Container web is saved in"):
        assert part in line


@pytest.mark.parametrize(
    "found",
    [
        *CHECKPOINT_ROWS,
        resources.restore(**resources.ready(verification={"exitCode": 0, "output": "10000"})),
    ],
)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_pages_fit(found: dict[str, object], width: int) -> None:
    event = {"type": "Warning", "reason": "HealthCheck", "message": "long " * 30}
    lines = drawn(*page(found, [event], width=width), width=width)
    long = [line for line in lines if len(line) > width]
    assert long == [], "but addresses and digests, which are left to the terminal"


def test_a_page_tells_all() -> None:
    (found,) = CHECKPOINT_ROWS[:1]
    text = "\n".join(drawn(*page(found, [], width=100), width=100))
    for part in (
        "Status:       Ready",
        "Created:      2026-11-23T04:01:55Z",
        "done after 3.0 s",
        "Container:    web 00ec348300ec, localhost/lab/busybox:1, runc",
        "Host:         host-a, Podman 5.4.2, CRIU 4.2.1, amd64",
        "Options:      leaveRunning, archive.compression: zstd, hooks.preCheckpoint: sync",
        "Archive:      186.4 MiB, zstd",
        "Measured:     paused for 298 ms, 140.0 KiB of memory",
        "Warn    HealthCheck  it has one",
        "preCheckpoint  0          done",
        "bind  no          /web  /srv/web",
        "Events:       none",
        "Container web is saved in the archive above",
    ):
        assert part in text


def test_a_page_tells_a_failure_once() -> None:
    lines = drawn(*page(CHECKPOINT_ROWS[1], [], width=100), width=100)
    text = "\n".join(lines)
    assert text.count("2 established TCP connections") == 1
    assert "  Cause:      TCPEstablished" in lines
    assert (
        "  Remedy:     Set spec.tcpEstablished: true in the checkpoint and in the restore" in text
    )


def test_names_cannot_command_the_terminal() -> None:
    found = resources.checkpoint("saved", **resources.ready())
    found["status"]["container"]["name"] = "a\x1b[2Jb\nc"
    lines = [*listed(CHECKPOINTS, [found], 200), *drawn(*page(found, [], width=100), width=100)]
    assert "\x1b" not in "".join(lines)
    assert r"a\x1b[2Jb\nc" in "\n".join(lines)
