"""A network that CRIU has locked is opened, whichever tool it used; other rules stay.

Not here: real rules; see tests/e2e/test_pods.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from podman_checkpoint_operator.host import network_lock

TABLES = "table ip filter\ntable inet netavark\ntable inet CRIU-149\ntable inet CRIUS\n"


def test_both_kinds_of_locks_are_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def run(root: Path, *argv: str, stdin: str = "") -> str | None:
        asked.append(argv[2:])
        return TABLES if argv[2:] == ("nft", "list", "tables") else None

    monkeypatch.setattr(network_lock, "run_on_host", run)
    network_lock.unlock(Path("/host"), 149)
    assert asked == [
        ("iptables-restore", "--noflush"),
        ("ip6tables-restore", "--noflush"),
        ("nft", "list", "tables"),
        ("nft", "delete", "table", "inet", "CRIU-149"),
    ]
