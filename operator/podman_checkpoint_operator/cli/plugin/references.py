"""How users name things: ``NAME`` or ``TYPE/NAME``, with the types that kubectl knows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ...api.names import CHECKPOINTS, GROUP, HOSTS, RESTORES, Resource
from .outcome import Stop, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .cluster import Cluster, Object

_OWN_WORDS: Final = {
    "checkpoint": CHECKPOINTS,
    "checkpoints": CHECKPOINTS,
    "restore": RESTORES,
    "restores": RESTORES,
    "host": HOSTS,
    "hosts": HOSTS,
}
TYPES: Final = _OWN_WORDS | {
    word: each
    for each in (CHECKPOINTS, RESTORES, HOSTS)
    for word in (each.kind.lower(), each.plural, each.singular, each.short)
}


def full_name(found: Mapping[str, Any]) -> str:
    """Return what ``-o name`` prints."""
    return f"{found['kind'].lower()}.{GROUP}/{found['metadata'].get('name', '')}"


def type_of(word: str) -> Resource:
    """Return the kind that a word means.

    Raises:
        Stop: it means none of ours.
    """
    bare = word.lower().removesuffix(f".{GROUP}")
    if bare not in TYPES:
        raise error(f'the server doesn\'t have a resource type "{word}"')
    return TYPES[bare]


def find(cluster: Cluster, reference: str, *, hosts: bool = False) -> Object:
    """Return the object that is meant: without a type, a checkpoint before a restore.

    Args:
        cluster: where it is.
        reference: what the user calls it.
        hosts: whether it may be a host, too.

    Raises:
        Stop: there is none.
    """
    word, slash, name = reference.rpartition("/")
    if slash:
        resource = type_of(word)
        if resource is HOSTS and not hosts:
            raise error(f"{reference} is no checkpoint or restore")
        return cluster.get(resource, name)
    for resource in (CHECKPOINTS, RESTORES):
        if (found := cluster.find(resource, name)) is not None:
            return found
    if hosts:
        # Who may not see hosts has not asked for one.
        with suppress(Stop):
            return cluster.get(HOSTS, name)
    raise not_found(CHECKPOINTS, name)


def not_found(resource: Resource, name: str) -> Stop:
    """Return what kubectl says when there is no such object."""
    return Stop(f'Error from server (NotFound): {resource.plural}.{GROUP} "{name}" not found')
