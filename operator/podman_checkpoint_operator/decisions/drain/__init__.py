"""What a drain does next: facts of containers and resources in, records and resources to make out.

All that it goes by is in the status of the PodmanHost, in the resources that it has made and in
Podman, so that it goes on wherever an agent was killed. A container that runs is never counted as
safe, whatever was saved of it before.
"""

from __future__ import annotations

from typing import Final

from ...api.host import DrainedContainer, DrainState, DrainStatus
from .restoring import undrained
from .saving import drained
from .view import UNRESOLVED, View

_GONE_KEPT: Final = 100


def is_over(drain: DrainStatus | None) -> bool:
    """Whether nothing of a drain is left to be done."""
    return drain is None or (
        drain.undrain_time is not None
        and not any(each.state in UNRESOLVED for each in drain.containers)
    )


def next_status(view: View) -> DrainStatus | None:
    """Return the status after one more step; what it names and is not there is to be made."""
    drain = view.drain
    if view.wanted:
        if drain is None or drain.undrain_time is not None:
            drain = _begun(view)
        return _with_records(drain, drained(view, _known(view, drain)))
    if drain is None:
        return None
    if drain.undrain_time is None:
        drain = drain.model_copy(update={"undrain_time": view.now})
    return _with_records(drain, undrained(view, _known(view, drain)))


def _begun(view: View) -> DrainStatus:
    """Return a new drain, which takes over what was not restored since the last one."""
    before = view.drain.containers if view.drain else ()
    return DrainStatus(
        start_time=view.now,
        boot_id=view.boot_id,
        containers=tuple(each for each in before if each.state in UNRESOLVED),
    )


def _known(view: View, drain: DrainStatus) -> list[DrainedContainer]:
    """Return the records, and one for each checkpoint that came to be behind their back.

    The API server may carry out a request long after the agent has given it up.
    """
    records = list(drain.containers)
    of_containers = {each.id for each in records}
    for (namespace, name), made in view.checkpoints.items():
        container = view.containers.get(made.container_id)
        ended_before = made.failed or (made.ended_at and made.ended_at < drain.start_time)
        if container is None or container.id in of_containers or ended_before:
            continue
        if (namespace, name) in view.restores:
            continue
        records.append(
            DrainedContainer(
                name=container.name,
                id=container.id,
                state=DrainState.CHECKPOINTING,
                namespace=namespace,
                checkpoint=name,
            )
        )
    return records


def _with_records(drain: DrainStatus, records: list[DrainedContainer]) -> DrainStatus:
    """Return the status with records, of which old ones are left out where too many are gone."""
    gone = [each.id for each in records if each.state is DrainState.GONE]
    forgotten = set(gone[: max(0, len(gone) - _GONE_KEPT)])
    kept = tuple(each for each in records if each.id not in forgotten)
    return drain.model_copy(update={"containers": kept})
