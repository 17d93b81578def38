"""The graceful stop: let running requests finish, tell WebSockets, close what is idle.

Called by `tornadopy.webserver` when a signal asks for the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.websocket import WebSocketHandler

if TYPE_CHECKING:
    from tornadopy.application import Application


log = logging.getLogger("tornadopy.tracelog")

GOING_AWAY = 1001  # RFC 6455 §7.4.1


async def stop_serving(server: HTTPServer, application: Application, grace: float) -> None:
    """Stop *server*: accept nothing more, give running requests *grace* seconds, close all connections.

    Open WebSockets are closed with 1001. A request that is still running after the time is cancelled, and named in
    the log.

    Args:
        server: The HTTP server.
        application: What it serves.
        grace: In seconds.
    """
    server.stop()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace
    _refuse_keep_alive(server)
    for handler in _websockets(application):
        handler.close(GOING_AWAY, "server is shutting down")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await application.wait_until_idle()
    await _cancel(application, grace)
    await server.close_all_connections()


def _refuse_keep_alive(server: HTTPServer) -> None:
    parameters: Any = getattr(server, "conn_params", None)
    if parameters is not None:
        parameters.no_keep_alive = True


def _websockets(application: Application) -> list[WebSocketHandler]:
    return [each for each in list(application.active) if isinstance(each, WebSocketHandler) and each.ws_connection]


async def _cancel(application: Application, grace: float) -> None:
    """Cancel the requests that are still running, and wait until they have ended."""
    tasks = []
    for handler in list(application.active):
        kind = f"{type(handler).__module__}.{type(handler).__qualname__}"
        log.warning(
            "%s %s (%s) has not finished within SHUTDOWN_TIMEOUT (%g s) and is cancelled",
            handler.request.method, handler.request.path, kind, grace,
        )  # fmt: skip
        if handler._task is not None and not handler._task.done():
            handler._task.cancel()
            tasks.append(handler._task)
    if tasks:
        _, stubborn = await asyncio.wait(tasks, timeout=1.0)
        for task in stubborn:
            log.error("%r ignores its cancellation and is left behind", task)
