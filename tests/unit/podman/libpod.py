"""A server on a UNIX socket that gives recorded answers of Podman 5.4.2, or misbehaves."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ANSWERS = Path(__file__).parent / "answers"


def recorded(name: str) -> dict[str, Any]:
    """Return an answer of ``GET /containers/{name}/json`` or ``GET /info``."""
    answer: dict[str, Any] = json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))
    return answer


@dataclass(frozen=True)
class Request:
    """What Podman was asked."""

    method: str
    path: str
    """Below ``/libpod/``, as sent: still quoted."""
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Libpod:
    """The server; ``answer`` maps a request to a status and a JSON value, or raw bytes."""

    url: str
    answer: Callable[[Request], tuple[int, Any]]
    requests: list[Request] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)
    """Set when the test is over, for answers that never come."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    libpod: Libpod

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        try:
            request = Request(
                self.command,
                parts.path.partition("/libpod/")[2],
                parse_qs(parts.query),
                {name.lower(): value for name, value in self.headers.items()},
                self._body(),
            )
            self.libpod.requests.append(request)
            status, content = self.libpod.answer(request)
        except ConnectionAbortedError:
            self.close_connection = True
            return
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("Libpod-API-Version", "5.4.2")
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the standard library's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while head := self.rfile.readline():
            chunk = self.rfile.read(int(head, 16) + 2)
            if chunk == b"\r\n":
                return body
            body += chunk[:-2]
        raise ConnectionAbortedError

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_: Any) -> None:
        """Tests look at ``requests``."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that broke off is what some tests are about."""


@contextmanager
def serving(folder: Path, answer: Callable[[Request], tuple[int, Any]]) -> Iterator[Libpod]:
    """Serve until the end of the block."""
    path = folder / "podman.sock"
    libpod = Libpod(f"unix://{path}", answer)
    handler = type("Handler", (_Handler,), {"libpod": libpod})
    with _Server(str(path), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield libpod
        finally:
            libpod.finished.set()
            server.shutdown()
            thread.join()
