"""The lab's bridge on the machine it runs on: made once, removed, and never at another's expense.

Works on real network devices, in a subnet that is reserved for documentation.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from . import network, paths
from .processes import Daemon
from .shell import CommandFailed, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = f"pclt{os.getpid()}a"
OTHER = f"pclt{os.getpid()}b"
FOREIGN = f"tst{os.getpid()}"

pytestmark = pytest.mark.lab


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paths, "STATE", tmp_path / "ours" / ".lab")
    monkeypatch.setattr(paths, "BRIDGE", OURS)
    monkeypatch.setattr(paths, "SUBNET", "198.51.100")
    monkeypatch.setattr(paths, "GATEWAY", "198.51.100.254")
    yield
    for device in (OURS, OTHER, FOREIGN):
        with suppress(CommandFailed):
            run("ip", "link", "delete", device)


def addresses(device: str) -> list[str]:
    found = json.loads(
        run("ip", "-json", "-4", "address", "show", device, check=False).stdout or "[]"
    )
    return [f"{info['local']}/{info['prefixlen']}" for item in found for info in item["addr_info"]]


def other_lab(tmp_path: Path) -> Path:
    """Another checkout's lab, whose bridge has the same subnet."""
    lab = tmp_path / "other" / ".lab"
    run("ip", "link", "add", OTHER, "type", "bridge")
    run("ip", "link", "set", OTHER, "alias", str(lab), "up")
    run("ip", "address", "add", "198.51.100.254/24", "dev", OTHER)
    return lab


def test_it_has_the_gateways_address_and_its_owners_name() -> None:
    network.ensure_bridge()

    assert addresses(OURS) == ["198.51.100.254/24"]
    assert str(paths.STATE) in run("ip", "link", "show", OURS).stdout


def test_a_second_time_leaves_it_as_it_is() -> None:
    network.ensure_bridge()
    before = run("ip", "-oneline", "link", "show", OURS).stdout

    network.ensure_bridge()

    assert run("ip", "-oneline", "link", "show", OURS).stdout == before


def test_it_is_removed_and_removing_it_again_is_harmless() -> None:
    network.ensure_bridge()

    network.remove_bridge()
    network.remove_bridge()

    assert addresses(OURS) == []


def test_one_that_was_left_half_made_is_completed() -> None:
    run("ip", "link", "add", OURS, "type", "bridge")

    network.ensure_bridge()

    assert addresses(OURS) == ["198.51.100.254/24"]


def test_a_dead_labs_bridge_gives_way(tmp_path: Path) -> None:
    other_lab(tmp_path)

    network.ensure_bridge()

    assert addresses(OTHER) == []
    assert addresses(OURS) == ["198.51.100.254/24"]


def test_a_living_labs_bridge_stays_and_the_error_says_whose_it_is(tmp_path: Path) -> None:
    lab = other_lab(tmp_path)
    daemon = Daemon("etcd", lab)
    daemon.start("/bin/sleep", "100")
    try:
        with pytest.raises(network.NetworkError, match=rf"the lab {lab} is up"):
            network.ensure_bridge()
    finally:
        daemon.stop()

    assert addresses(OTHER) == ["198.51.100.254/24"]
    assert addresses(OURS) == []


def test_a_bridge_with_a_host_on_it_is_in_use(tmp_path: Path) -> None:
    other_lab(tmp_path)
    run("ip", "link", "add", FOREIGN, "type", "veth", "peer", "name", f"{FOREIGN}p")
    run("ip", "link", "set", FOREIGN, "master", OTHER)

    with pytest.raises(network.NetworkError, match="is up"):
        network.ensure_bridge()


def test_a_foreign_device_is_never_touched() -> None:
    run("ip", "link", "add", FOREIGN, "type", "veth", "peer", "name", f"{FOREIGN}p")
    run("ip", "address", "add", "198.51.100.7/24", "dev", FOREIGN)

    with pytest.raises(network.NetworkError, match=f"{FOREIGN} already uses 198.51.100.0/24"):
        network.ensure_bridge()

    assert addresses(FOREIGN) == ["198.51.100.7/24"]


def test_another_checkouts_bridge_is_not_removed(tmp_path: Path) -> None:
    network.ensure_bridge()
    run("ip", "link", "set", OURS, "alias", str(tmp_path / "other"))

    network.remove_bridge()

    assert addresses(OURS) == ["198.51.100.254/24"]
