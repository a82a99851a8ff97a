"""What a PodmanHost, as the API server has it, says of its drain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...api import conditions
from ...api.host import DrainStatus
from ...api.reasons import ConditionType
from . import is_over
from .condition import Condition


def told(host: Mapping[str, Any]) -> DrainStatus | None:
    """Return what a PodmanHost tells of its last drain."""
    found = (host.get("status") or {}).get("drain")
    return DrainStatus.model_validate(found) if found else None


def drained(host: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition ``Drained`` of a PodmanHost."""
    known = (host.get("status") or {}).get("conditions") or ()
    return conditions.find_condition(known, ConditionType.DRAINED)


def asks(host: Mapping[str, Any] | None) -> object:
    """Return what of a PodmanHost a drain depends on."""
    return host and (host.get("spec"), (host.get("status") or {}).get("drain"))


def is_idle(host: Mapping[str, Any]) -> bool:
    """Whether there is nothing to look at."""
    spec = host.get("spec") or {}
    asked = spec.get("unschedulable") or (spec.get("drain") or {}).get("followNode")
    return not asked and is_over(told(host)) and is_current(host)


def is_current(host: Mapping[str, Any]) -> bool:
    """Whether the condition, if there is one, is about what is asked for."""
    found = drained(host)
    return found is None or found.get("observedGeneration") == host["metadata"].get("generation", 1)


def identity(host: Mapping[str, Any]) -> tuple[str, int]:
    """Return what tells a PodmanHost, and what is asked of it, from another."""
    return host["metadata"]["uid"], host["metadata"].get("generation", 1)


def conditions_of(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all conditions of a PodmanHost."""
    return list((host.get("status") or {}).get("conditions") or ())


def with_condition(host: Mapping[str, Any], condition: Condition) -> list[dict[str, Any]]:
    """Return them with ``Drained`` changed."""
    return conditions.set_condition(
        conditions_of(host),
        type=ConditionType.DRAINED,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        generation=host["metadata"].get("generation", 1),
        now=datetime.now(UTC),
    )
