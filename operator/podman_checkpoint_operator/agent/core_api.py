"""Requests about what is not of the product's own kinds.

CoreV1Api would do as well, and take 20 MiB of memory for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

_SECONDS: Final = (5, 30)
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_ANSWERS: Final = {"default": "object"}


def request(
    api: Any, method: Literal["GET", "POST"], path: str, body: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Ask the API server for something, or to make it.

    Args:
        api: the client library's ApiClient; the stubs do not know what it has.
        method: of HTTP.
        path: on the API server.
        body: what is to be made.

    Raises:
        kubernetes.client.ApiException: it refuses.
    """
    asked = api.param_serialize(
        method, path, header_params=dict(_JSON), body=body, auth_settings=["BearerToken"]
    )
    answer = api.call_api(*asked, _request_timeout=_SECONDS)
    answer.read()
    found: Mapping[str, Any] = api.response_deserialize(answer, _ANSWERS).data
    return found
