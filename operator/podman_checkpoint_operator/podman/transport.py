"""One request to the Podman service: connection, time limit, and errors in this package's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests
import urllib3.exceptions
from podman.api.client import APIClient
from podman.errors import APIError

from ..reconcilers.podman_port import (
    NotFound,
    PodmanError,
    PodmanTimedOut,
    PodmanUnreachable,
)

CONNECT_SECONDS: Final = 10.0
QUICK_SECONDS: Final = 60.0
"""Limit of a request that only looks. Podman answers an inspect only after it has finished what it
is doing with that container, so callers that wait for a checkpoint give more."""

_CHUNK: Final = 1 << 16

# Not urllib3's TimeoutError: a refused connection is one of its subclasses.
_TIMEOUTS = (TimeoutError, requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)


class Transport:
    """Sends requests to one Podman service.

    Every request has a connection of its own: a :class:`requests.Session` is not thread-safe, and
    connecting to a UNIX socket costs next to nothing.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, *, timeout: float = QUICK_SECONDS, **params: str) -> Any:
        """Return the decoded JSON answer of a GET."""
        return self.send("GET", path, params=params, timeout=timeout)

    def post(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        content: Mapping[str, Any] | None = None,
        timeout: float = QUICK_SECONDS,
    ) -> Any:
        """Return the decoded JSON answer of a POST.

        Args:
            path: below ``/libpod/``.
            params: the query.
            body: a tar to be streamed in chunks; or
            content: to be sent as JSON.
            timeout: in seconds.
        """
        return self.send("POST", path, params=params, body=body, content=content, timeout=timeout)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        content: Mapping[str, Any] | None = None,
        timeout: float = QUICK_SECONDS,
    ) -> Any:
        """Send one request below ``/libpod/`` and return its decoded JSON answer, if it has one.

        Raises:
            PodmanUnreachable: the service does not answer.
            PodmanTimedOut: no answer within ``timeout`` seconds; the service may still be at work.
            NotFound: the service knows no such object.
            PodmanError: any other refusal.
        """
        sent: dict[str, Any] = {"params": dict(params or {})}
        if content is not None:
            sent["json"] = dict(content)
        elif body is not None:
            sent["data"] = iter(body)  # an iterator is sent in chunks
            sent["headers"] = {"Content-Type": "application/x-tar"}
        with self._answer(method, path, timeout=timeout, **sent) as answer:
            return _decode(answer)

    def order(self, path: str, *, params: Mapping[str, str], content: Mapping[str, Any]) -> None:
        """Send a POST of JSON whose answer, if it is good, need not be JSON and does not matter.

        Raises:
            PodmanError: as :meth:`send`.
        """
        with self._answer("POST", path, params=dict(params), json=dict(content)) as answer:
            if answer.status_code >= requests.codes.bad_request:
                _decode(answer)

    def stream(self, path: str, *, content: Mapping[str, Any], timeout: float) -> Iterator[bytes]:
        """Yield the answer of a POST as it comes, until the service closes the connection.

        Raises:
            PodmanError: as :meth:`send`; ``timeout`` is how long the service may be silent.
        """
        sent = {"json": dict(content), "stream": True}
        with self._answer("POST", path, timeout=timeout, **sent) as answer:
            if answer.status_code >= requests.codes.bad_request:
                _decode(answer)
            while data := answer.raw.read1(_CHUNK):
                yield data

    def post_unread(self, path: str, *, params: Mapping[str, str], timeout: float) -> None:
        """Send a POST, and hang up when the service begins its answer.

        Raises:
            PodmanError: as :meth:`send`.
        """
        with self._answer(
            "POST", path, timeout=timeout, params=dict(params), stream=True
        ) as answer:
            if answer.status_code >= requests.codes.bad_request:
                _decode(answer)

    def ping(self) -> Mapping[str, str]:
        """Return the headers of an answer that costs Podman nothing.

        Raises:
            PodmanUnreachable: the service does not answer.
        """
        with self._answer("GET", "_ping") as answer:
            return answer.headers

    @contextmanager
    def _answer(
        self, method: str, path: str, *, timeout: float = QUICK_SECONDS, **sent: Any
    ) -> Iterator[requests.Response]:
        """Send a request, and say what goes wrong, up to the end of its answer, in our words."""
        client = APIClient(base_url=self.url)
        try:
            yield client.request(
                method,
                f"http://{client.base_url.netloc}{client.path_prefix}{path}",
                timeout=(CONNECT_SECONDS, timeout),
                **sent,
            )
        except APIError as error:  # podman-py wraps what goes wrong below HTTP
            raise _unanswered(error.__cause__ or error, self.url) from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise _unanswered(error, self.url) from error
        finally:
            client.close()


def _decode(answer: requests.Response) -> Any:
    if answer.status_code < requests.codes.bad_request:
        return answer.json() if answer.content else None
    try:
        message = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = answer.text.strip() or f"HTTP status {answer.status_code}"
    kind = NotFound if answer.status_code == requests.codes.not_found else PodmanError
    raise kind(message, status=answer.status_code)


def _unanswered(error: BaseException, url: str) -> PodmanError:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _TIMEOUTS):
            return PodmanTimedOut(f"Podman at {url} did not answer in time")
        seen = seen.__cause__ or seen.__context__
    return PodmanUnreachable(f"Podman at {url} cannot be reached: {_root(error)}")


def _root(error: BaseException) -> str:
    """The innermost system error: ``No such file or directory`` says more than urllib3 does."""
    innermost = error
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            innermost = seen
        seen = seen.__cause__ or seen.__context__
    return getattr(innermost, "strerror", None) or str(innermost)
