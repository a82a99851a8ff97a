"""Which resource the present work is for, so that each line of the log can say so by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Final, TypeVar

from .resource import Resource

_SUBJECT: Final[ContextVar[Resource | None]] = ContextVar("subject", default=None)

_T = TypeVar("_T")


def subject() -> Resource | None:
    """Return the resource that the present work is for, if it is for one."""
    return _SUBJECT.get()


@contextmanager
def about(resource: Resource) -> Iterator[None]:
    """Work for a resource in a block."""
    token = _SUBJECT.set(resource)
    try:
        yield
    finally:
        _SUBJECT.reset(token)


def carried_along(call: Callable[[], _T]) -> Callable[[], _T]:
    """Return a call that another thread makes for the same resource."""
    return partial(copy_context().run, call)
