"""The lab's bridge: the wire between its hosts, and the address where they find the API server.

Nothing else of the machine's network is touched: no forwarding, no packet filter. A bridge carries
the path of its lab's folder as its alias, so that two labs that fell on the same subnet can be told
apart, and one that was left behind by a killed session can be removed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import paths
from .locks import locked
from .processes import any_running
from .shell import run

_SYSFS: Final = Path("/sys/class/net")
_LAB_BRIDGES: Final = "pcl"
"""Every checkout's bridge starts with this, see :mod:`.paths`."""


class NetworkError(RuntimeError):
    """The lab's subnet is taken by somebody else."""


@dataclass(frozen=True)
class _Device:
    name: str
    alias: str
    addresses: tuple[str, ...]


def ensure_bridge() -> None:
    """Make the lab's bridge with the gateway's address on it, unless it is there.

    Raises:
        NetworkError: if another device has an address in the subnet and is in use.
    """
    address = f"{paths.GATEWAY}/24"
    # The other checkouts' labs look for a free subnet at the same moment, hence a common lock.
    with locked(paths.CACHE / "network.lock"):
        devices = _devices()
        for device in devices:
            if _is_ours(device) and address in device.addresses:
                return
        for device in devices:
            if device.name == paths.BRIDGE or _in_subnet(device):
                _free(device)
        run("ip", "link", "add", paths.BRIDGE, "type", "bridge")
        run("ip", "link", "set", paths.BRIDGE, "alias", str(paths.STATE), "up")
        run("ip", "address", "add", address, "dev", paths.BRIDGE)


def remove_bridge() -> None:
    """Remove the lab's bridge, if it is there."""
    if any(_is_ours(device) for device in _devices()):
        run("ip", "link", "delete", paths.BRIDGE)


def _free(device: _Device) -> None:
    """Remove a bridge that stands in the way if it is ours or left behind, else say whose it is."""
    lab = Path(device.alias)
    if not (_is_ours(device) or (device.name.startswith(_LAB_BRIDGES) and device.alias)):
        raise NetworkError(
            f"the network device {device.name} already uses {paths.SUBNET}.0/24, the subnet of this"
            " lab, which follows from the checkout's path: move the checkout to another folder"
        )
    if not _is_ours(device) and _in_use(device, lab):
        raise NetworkError(
            f"the lab {lab} is up and has the same subnet {paths.SUBNET}.0/24: take it down first"
            f" (cd {lab.parent} && ./lab down), or move one of the two checkouts"
        )
    run("ip", "link", "delete", device.name)


def _in_use(device: _Device, lab: Path) -> bool:
    attached = (_SYSFS / device.name / "brif").glob("*")
    return any(attached) or any_running(lab)


def _is_ours(device: _Device) -> bool:
    # Without an alias it is the work of a command that was killed half-way.
    return device.name == paths.BRIDGE and device.alias in ("", str(paths.STATE))


def _in_subnet(device: _Device) -> bool:
    return any(address.startswith(f"{paths.SUBNET}.") for address in device.addresses)


def _devices() -> list[_Device]:
    found: list[dict[str, Any]] = json.loads(run("ip", "-json", "address").stdout)
    return [
        _Device(
            name=item["ifname"],
            alias=(_SYSFS / item["ifname"] / "ifalias").read_text().strip(),
            addresses=tuple(
                f"{info['local']}/{info['prefixlen']}"
                for info in item.get("addr_info", ())
                if "local" in info
            ),
        )
        for item in found
    ]
