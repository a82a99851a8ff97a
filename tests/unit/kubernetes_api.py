"""An API server on loopback that serves our kinds, records requests, and can be told to refuse.

kopf and the Kubernetes client talk to it over HTTP. It checks nothing: what a real one admits is
tested with a real one, on the lab.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from podman_checkpoint_operator.api.names import (
    API_VERSION,
    CHECKPOINTS,
    GROUP,
    HOSTS,
    RESTORES,
    VERSION,
)

PLURALS = {each.plural: each.kind for each in (CHECKPOINTS, RESTORES, HOSTS)}
CORE = [
    {
        "name": plural,
        "kind": kind,
        "singularName": kind.lower(),
        "namespaced": kind == "Event",
        "verbs": ["create", "list", "watch"],
    }
    for plural, kind in (("events", "Event"), ("namespaces", "Namespace"))
]
API = f"/apis/{GROUP}/{VERSION}"


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


@dataclass
class KubernetesApi:
    """The server's state, shared with the test."""

    url: str = ""
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By plural; what LIST returns."""
    refusals: dict[str, int] = field(default_factory=dict)
    """HTTP status by method."""
    requests: list[Request] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)

    def asked(self, method: str, part: str = "") -> list[Request]:
        """Return the requests so far with that method and that part in their path."""
        return [each for each in self.requests if each.method == method and part in each.path]

    def answer(self, request: Request) -> tuple[int, Any]:
        """Return what the server says to anything but a watch."""
        if status := self.refusals.get(request.method):
            return status, {"kind": "Status", "message": "refused", "code": status}
        if request.method in ("PATCH", "POST"):
            return 200, self._patched(request)
        return self._discovery(request.path) or self._listed(request.path) or (404, {})

    def _discovery(self, path: str) -> tuple[int, Any] | None:
        version = {"groupVersion": API_VERSION, "version": VERSION}
        group = {"name": GROUP, "versions": [version], "preferredVersion": version}
        resources = [
            {
                "name": plural + suffix,
                "kind": kind,
                "singularName": kind.lower(),
                "namespaced": kind != HOSTS.kind,
                "verbs": ["get", "list", "watch", "patch"],
            }
            for plural, kind in PLURALS.items()
            for suffix in ("", "/status")
        ]
        answers: dict[str, Any] = {
            "/api": {"versions": ["v1"]},
            "/api/v1": {"groupVersion": "v1", "resources": CORE},
            "/apis": {"groups": [group]},
            f"/apis/{GROUP}": group,
            API: {"groupVersion": API_VERSION, "resources": resources},
        }
        return (200, answers[path]) if path in answers else None

    def _listed(self, path: str) -> tuple[int, Any] | None:
        *_, last = path.split("/")
        if last in PLURALS:
            items = self.objects.get(last, [])
            return 200, {"metadata": {"resourceVersion": "1"}, "items": items}
        found = (each for each in self._all() if path.endswith("/" + each["metadata"]["name"]))
        return next(((200, each) for each in found), None)

    def _patched(self, request: Request) -> Any:
        found = (each for each in self._all() if f"/{each['metadata']['name']}" in request.path)
        return next(found, request.body)

    def _all(self) -> list[dict[str, Any]]:
        return [each for objects in self.objects.values() for each in objects]


class _Handler(BaseHTTPRequestHandler):
    api: KubernetesApi

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            self.headers.get("Content-Type", ""),
            json.loads(body) if body else None,
        )
        self.api.requests.append(request)
        watch = request.query.get("watch") == "true"
        status, content = (200, None) if watch else self.api.answer(request)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if watch:
            self.wfile.flush()
            self.api.finished.wait()
        else:
            self.wfile.write(json.dumps(content).encode())

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the standard library's names

    def log_message(self, *_: Any) -> None:
        """Tests look at ``requests``."""


@contextmanager
def serving(**state: Any) -> Iterator[KubernetesApi]:
    """Serve until the end of the block."""
    api = KubernetesApi(**state)
    handler = type("Handler", (_Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api
        finally:
            api.finished.set()
            server.shutdown()
            thread.join()


def custom_object(name: str, *, kind: str = CHECKPOINTS.kind, **spec: Any) -> dict[str, Any]:
    """Return an object as the API server stores it."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2026-03-01T12:00:00Z",
        },
        "spec": {"nodeName": "host-a", **spec},
    }
