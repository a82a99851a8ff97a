"""What goes wrong between the Kubernetes client and the API server, in the reconcilers' words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import urllib3.exceptions
from kubernetes import client

from ..reconcilers.resource import StatusUnwritable

_T = TypeVar("_T")


class Refused(StatusUnwritable):
    """The API server answered with an error.

    Attributes:
        status: of HTTP.
        reason: in the API server's words.
    """

    def __init__(self, what: str, error: client.ApiException) -> None:
        super().__init__(f"{what}: {error.status} {error.reason}: {error.body}")
        self.status = error.status
        self.reason = _told(error)


def _told(error: client.ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turn what the client raises into what the reconcilers know.

    Raises:
        Refused: the API server answered with an error.
        StatusUnwritable: it did not answer.
    """
    try:
        yield
    except client.ApiException as error:
        raise Refused(what, error) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise StatusUnwritable(f"{what}: {error}") from error


def unless_absent(what: str, ask: Callable[[], _T]) -> _T | None:
    """Return what the API server answers, or None when it has no such thing.

    Raises:
        StatusUnwritable: as :func:`refused`.
    """
    try:
        with refused(what):
            return ask()
    except Refused as error:
        if error.status == 404:
            return None
        raise
