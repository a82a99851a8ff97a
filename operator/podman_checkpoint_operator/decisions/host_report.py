"""What is reported of a host: its status, and when a change in it is worth a write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ..api import conditions
from ..api.host import HostCapabilities, HostContainers, HostRuntime, HostStatus, HostStore
from ..api.reasons import Cause, Reason
from .facts import Host
from .failures import OperationFailed
from .host_preflight import fitness_checks
from .preflight import require

_WORTH_A_WRITE: Final = 20
"""A change of a file system's room by a twentieth of it is told at once, a smaller one later."""


@dataclass(frozen=True)
class Observation:
    """One look at a host."""

    agent_version: str
    boot_id: str
    operating_system: str
    host: Host
    pre_copy: bool
    tcp_close: bool
    criu_config_file: str
    store: Path
    store_capacity_bytes: int
    store_available_bytes: int
    running: int
    store_trouble: OperationFailed | None = None
    """Why archives cannot be stored."""


def require_fit(observation: Observation) -> None:
    """Make sure that containers of the host can be checkpointed.

    Raises:
        OperationFailed: they cannot.
    """
    require(fitness_checks(observation.host, observation.host.runtime))
    if observation.store_trouble:
        raise observation.store_trouble


def described(observation: Observation) -> dict[str, Any]:
    """Return the status of a host, but for its conditions."""
    host = observation.host
    return HostStatus(
        agent_version=observation.agent_version,
        podman_version=host.podman_version,
        criu_version=host.criu_version,
        runtime=HostRuntime(name=host.runtime, version=_release(host)),
        kernel_version=host.kernel_version,
        operating_system=observation.operating_system,
        architecture=host.architecture,
        cpu_features=tuple(sorted(host.cpu_features)),
        boot_id=observation.boot_id,
        storage_driver=host.storage_driver,
        capabilities=HostCapabilities(
            pre_copy=observation.pre_copy,
            tcp_close=observation.tcp_close,
            criu_config_file=observation.criu_config_file,
        ),
        stores=(
            HostStore(
                name="default",
                path=str(observation.store),
                capacity_bytes=observation.store_capacity_bytes,
                available_bytes=observation.store_available_bytes,
            ),
        ),
        containers=HostContainers(running=observation.running),
    ).dump()


def ready(
    before: conditions.ConditionList, observation: Observation, *, generation: int, now: datetime
) -> conditions.ConditionList:
    """Return the conditions of a host whose containers can be checkpointed."""
    host = observation.host
    return conditions.succeeded(
        before,
        reason=Reason.HOST_READY,
        message=f"Podman {host.podman_version}, CRIU {host.criu_version} and {host.runtime}"
        f" {_release(host)} can checkpoint containers",
        generation=generation,
        now=now,
    )


def unfit(
    before: conditions.ConditionList, failure: OperationFailed, *, generation: int, now: datetime
) -> conditions.ConditionList:
    """Return the conditions of a host whose containers cannot be checkpointed, with the cause.

    A Podman that does not answer may come back by itself; all else needs an administrator.
    """
    change = conditions.hindered if failure.cause is Cause.PODMAN_UNREACHABLE else conditions.failed
    return change(
        before, cause=failure.cause, message=failure.message, generation=generation, now=now
    )


def differs(told: Mapping[str, Any], status: Mapping[str, Any], *, at_all: bool) -> bool:
    """Whether a status says something else than the one told before.

    Args:
        told: what the API server has.
        status: what would be written.
        at_all: a small change of the room in a store counts, too.
    """
    relevant = {key: value for key, value in told.items() if key in status}
    if at_all:
        return relevant != status
    return _rounded(relevant, status) != _rounded(status, status)


def _release(host: Host) -> str:
    """Return the runtime's version without its name: it says ``crun version 1.21`` and more."""
    first_line, _, _ = host.runtime_version.partition("\n")
    return first_line.strip().removeprefix(f"{host.runtime} version ")


def _rounded(status: Mapping[str, Any], newest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status in which rooms that are near to the newest ones are the newest ones."""
    rooms = {store["name"]: store for store in newest.get("stores") or ()}
    stores = []
    for store in status.get("stores") or ():
        new = rooms.get(store["name"], store)
        change = abs(new["availableBytes"] - store["availableBytes"])
        near = change * _WORTH_A_WRITE < max(store["capacityBytes"], 1)
        stores.append({**store, "availableBytes": (new if near else store)["availableBytes"]})
    return {**status, "stores": stores}
