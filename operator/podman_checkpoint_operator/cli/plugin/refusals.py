"""What the API server refuses, and why it cannot be reached, in kubectl's words."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import urllib3.exceptions as http
import yaml
from kubernetes.client import ApiException
from kubernetes.config import ConfigException

from .outcome import Stop, error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...api.names import Resource

_WORDS: Final = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound"}


@contextmanager
def in_kubectls_words(server: str, resource: Resource) -> Iterator[None]:
    """Turn what goes wrong with a request into what the user reads.

    Args:
        server: the API server's address.
        resource: the kind that was asked for.

    Raises:
        Stop: the request failed.
    """
    try:
        yield
    except ApiException as refused:
        raise refusal(refused, resource) from refused
    except (http.HTTPError, OSError) as broken:
        raise unreachable(broken, server) from broken


@contextmanager
def configured() -> Iterator[None]:
    """Turn what is wrong with a kubeconfig into what the user reads.

    Raises:
        Stop: it cannot be used.
    """
    try:
        yield
    except ConfigException as wrong:
        raise error(str(wrong).replace("Invalid kube-config file. ", "")) from wrong
    except (TypeError, AttributeError) as wrong:
        raise error("error loading config file: it is no kubeconfig") from wrong
    except (OSError, ValueError, yaml.YAMLError) as wrong:
        said = " ".join(str(wrong).split())
        raise error(f"error loading config file: {said}") from wrong


def refusal(refused: ApiException, resource: Resource) -> Stop:
    """Return what kubectl says when the API server refuses."""
    status = _status(refused)
    message = status.get("message") or f"{refused.reason or 'unknown'}"
    reason = status.get("reason") or _WORDS.get(refused.status or 0, "")
    details = status.get("details") or {}
    if not refused.status:
        return _tls(str(refused.reason))
    if refused.status == 401:
        return error("You must be logged in to the server (Unauthorized)")
    if refused.status == 404 and not details.get("name"):
        return error(
            f'the server doesn\'t have a resource type "{resource.plural}"\n'
            "Is the operator installed in this cluster?"
        )
    if reason == "Invalid" and details.get("causes"):
        causes = [f"{each['field']}: {each['message']}" for each in details["causes"]]
        return invalid(resource.kind, details.get("name") or "", causes)
    return Stop(f"Error from server ({reason}): {message}" if reason else f"error: {message}")


def invalid(kind: str, name: str, causes: Sequence[str]) -> Stop:
    """Return what kubectl says of a resource that breaks rules."""
    said = causes[0] if len(causes) == 1 else "".join(f"\n* {each}" for each in causes)
    return Stop(f'The {kind} "{name}" is invalid: {said}')


def unreachable(broken: Exception, server: str) -> Stop:
    """Return what kubectl says when there is no API server at its address."""
    reason = getattr(broken, "reason", None) or broken
    address = server.partition("://")[2].rstrip("/") or server
    if isinstance(reason, http.NameResolutionError):
        return Stop(f"Unable to connect to the server: no such host: {address}")
    if isinstance(reason, http.TimeoutError) and not isinstance(reason, http.NewConnectionError):
        return Stop(f"Unable to connect to the server: {address}: i/o timeout")
    if isinstance(reason, http.SSLError):
        return _tls(_last(reason))
    if "refused" in str(reason):
        return Stop(
            f"The connection to the server {address} was refused - did you specify the right host"
            " or port?"
        )
    return Stop(f"Unable to connect to the server: {address}: {_last(reason)}")


def _tls(words: str) -> Stop:
    said = words.strip().splitlines()[-1].partition(" (_ssl")[0].rpartition("] ")[2]
    return Stop(f"Unable to connect to the server: tls: {said}")


def _status(refused: ApiException) -> dict[str, Any]:
    try:
        body = json.loads(refused.body or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _last(reason: object) -> str:
    """Return an error's own words, without the objects that they are wrapped in."""
    while isinstance(reason, BaseException) and reason.args:
        inner = [each for each in reason.args if isinstance(each, BaseException)]
        if not inner:
            break
        reason = inner[-1]
    return str(reason).rpartition(">: ")[2] or str(reason)
