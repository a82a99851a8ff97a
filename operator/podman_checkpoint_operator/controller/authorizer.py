"""The authorization webhook: the API server asks here what an agent may read.

It denies, or has no opinion; it allows nothing that RBAC does not.
"""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..decisions.reading import Whereabouts, agents_read, denial
from ..reconcilers.resource import StatusUnwritable

logger = logging.getLogger(__name__)

_MAX_BYTES: Final = 1 << 20
_SECONDS: Final = 10.0


class Decision(StrEnum):
    """What the API server was told."""

    DENIED = "denied"
    NO_OPINION = "no_opinion"
    """RBAC decides."""
    FAILED = "failed"
    """It could not be looked up, and was denied."""
    MALFORMED = "malformed"
    """It was no question."""


class Authorizer:
    """Answers SubjectAccessReviews about agents.

    Args:
        whereabouts: of what is to be read.
        on_decision: is told each.
    """

    def __init__(
        self, whereabouts: Whereabouts, on_decision: Callable[[Decision], None] = lambda _: None
    ) -> None:
        self._whereabouts = whereabouts
        self._on_decision = on_decision

    def answered(self, review: Mapping[str, Any]) -> dict[str, Any]:
        """Return a SubjectAccessReview with its status."""
        read = agents_read(review["spec"])
        try:
            reason = denial(read, self._whereabouts) if read else ""
            decision = Decision.DENIED if reason else Decision.NO_OPINION
        except StatusUnwritable as error:
            logger.warning("not looked up", extra={"error": str(error)})
            reason = f"podman-checkpoint-controller cannot look that up: {error}"
            decision = Decision.FAILED
        self._on_decision(decision)
        status = {"allowed": False, "denied": bool(reason), "reason": reason}
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "status": status,
        }

    @contextmanager
    def served(self, address: str, certificate: Path, key: Path) -> Iterator[None]:
        """Answer at an address like ``https://0.0.0.0:8443/``; nowhere if it is empty.

        Raises:
            OSError: the address is taken, or a file cannot be read.
        """
        if not address:
            yield
            return
        place = urlsplit(address)
        server = ThreadingHTTPServer((place.hostname or "", place.port or 443), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        # A client that connects and says nothing keeps its own thread only.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, name="authorizer", daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answered, on_decision = self.answered, self._on_decision

        class Handler(BaseHTTPRequestHandler):
            timeout = _SECONDS
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    length = int(self.headers.get("Content-Length") or 0)
                    answer = answered(json.loads(self.rfile.read(min(length, _MAX_BYTES))))
                except (ValueError, KeyError, TypeError, AttributeError):
                    on_decision(Decision.MALFORMED)
                    self.close_connection = True
                    self.send_error(400)
                    return
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: the API server's audit log tells of each request."""

        return Handler
