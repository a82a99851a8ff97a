"""How users name things: ``NAME`` or ``TYPE/NAME``, with the types that kubectl knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...api.names import CHECKPOINTS, GROUP, RESTORES, Resource
from .outcome import Stop, error

if TYPE_CHECKING:
    from .cluster import Cluster, Object

_OWN_WORDS: Final = {
    "checkpoint": CHECKPOINTS,
    "checkpoints": CHECKPOINTS,
    "restore": RESTORES,
    "restores": RESTORES,
}
TYPES: Final = _OWN_WORDS | {
    word: each
    for each in (CHECKPOINTS, RESTORES)
    for word in (each.kind.lower(), each.plural, each.singular, each.short)
}


def full_name(found: Object) -> str:
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


def find(cluster: Cluster, reference: str) -> Object:
    """Return the object that is meant: without a type, a checkpoint before a restore.

    Raises:
        Stop: there is none.
    """
    word, slash, name = reference.rpartition("/")
    if slash:
        return cluster.get(type_of(word), name)
    for resource in (CHECKPOINTS, RESTORES):
        if (found := cluster.find(resource, name)) is not None:
            return found
    raise not_found(CHECKPOINTS, name)


def not_found(resource: Resource, name: str) -> Stop:
    """Return what kubectl says when there is no such object."""
    return Stop(f'Error from server (NotFound): {resource.plural}.{GROUP} "{name}" not found')
