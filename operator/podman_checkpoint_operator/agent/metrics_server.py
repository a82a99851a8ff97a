"""Where Prometheus asks for metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

Answer = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Given what formats are accepted, it returns all metrics and their content type."""


def exposed(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics of a registry in a format that is asked for, and its content type."""
    encode, content_type = choose_encoder(accept)
    write: Callable[[CollectorRegistry], bytes] = encode
    return write(registry), content_type


@asynccontextmanager
async def served(url: str, answer: Answer) -> AsyncIterator[None]:
    """Serve metrics under a URL; an empty one is nowhere.

    Raises:
        OSError: it cannot be, since something else listens there, say.
    """
    if not url:
        yield
        return

    async def handle(request: web.Request) -> web.Response:
        body, content_type = await answer(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    address = urlsplit(url)
    application = web.Application()
    application.router.add_get(address.path, handle)
    runner = web.AppRunner(application, handle_signals=False, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.hostname, address.port).start()
        except OSError as error:
            raise OSError(error.errno, error.strerror, url) from error
        yield
    finally:
        await runner.cleanup()
