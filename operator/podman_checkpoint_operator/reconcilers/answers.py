"""What is said of a resource that there is nothing to do for.

Of a spec, ``suspend`` alone can be changed. Whoever changes it waits for
``status.observedGeneration`` to follow, kstatus among them, also when the operation is long over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..api import conditions
from ..api.reasons import ConditionType, Reason
from .resource import Resource

_HELD: Final = "It begins when spec.suspend is set to false"


def answer(resource: Resource) -> dict[str, Any] | None:
    """Return the status to write of a resource that has ended or is suspended, if any is due."""
    before: list[Mapping[str, Any]] = list(resource.status.get("conditions") or ())
    observed = resource.status.get("observedGeneration")
    if resource.finished:
        if observed == resource.generation:
            return None
        return {
            "observedGeneration": resource.generation,
            "conditions": [{**each, "observedGeneration": resource.generation} for each in before],
            # The reporter takes back what it is not given.
            "diagnosis": resource.status.get("diagnosis"),
        }
    ready = conditions.find_condition(before, ConditionType.READY)
    if observed == resource.generation and ready and ready["reason"] == Reason.SUSPENDED:
        return None
    return {
        "observedGeneration": resource.generation,
        "conditions": conditions.progressing(
            before,
            reason=Reason.SUSPENDED,
            message=_HELD,
            generation=resource.generation,
            now=datetime.now(UTC),
        ),
    }
