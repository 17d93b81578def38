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

from tornadopy.utils.escaping import escape_control

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from tornadopy.application import Application
    from tornadopy.lifecycle import LifecycleHandler


log = logging.getLogger("tornadopy.tracelog")

GOING_AWAY = 1001  # RFC 6455 §7.4.1
_AFTERMATH = 1.0  # seconds that requests get to end once they are cancelled or cut off


async def stop_serving(server: HTTPServer, application: Application, grace: float) -> None:
    """Stop *server*: accept nothing more, give running requests *grace* seconds, close all connections.

    Open WebSockets are closed with 1001. A request that is still running after the time, or when the caller is
    cancelled, is cancelled too, and named in the log.

    Args:
        server: The HTTP server.
        application: What it serves.
        grace: In seconds.
    """
    application.is_stopping = True
    server.stop()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace
    _refuse_keep_alive(server, application)
    for handler in _websockets(application):
        handler.close(GOING_AWAY, "server is shutting down")
    limit = "before the second signal"  # which comes at once, as a cancellation of this wait
    try:
        if not await _is_idle(application, deadline):
            limit = f"within SHUTDOWN_TIMEOUT ({grace:g} s)"
    finally:
        if not application.is_idle:
            _cancel(application, limit)
            await _is_idle(application, loop.time() + _AFTERMATH)
        await server.close_all_connections()
        if not await _is_idle(application, loop.time() + _AFTERMATH):
            log.error("left behind: %s", ", ".join(_describe(each.request, type(each)) for each in application.active))


async def _is_idle(application: Application, deadline: float) -> bool:
    """Wait until nothing is running, at most until *deadline*; return whether that is so."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            await application.wait_until_idle()
    return application.is_idle


def _refuse_keep_alive(server: HTTPServer, application: Application) -> None:
    parameters: Any = getattr(server, "conn_params", None)
    if parameters is not None:
        parameters.no_keep_alive = True
    requests = [each.request for each in application.active] + [each.request for each in application.receiving]
    for request in requests:
        # NOTE: Tornado reads the parameter when a request comes in; those that are here already ask their connection.
        connection: Any = request.connection
        if hasattr(connection, "_disconnect_on_finish"):
            connection._disconnect_on_finish = True


def _websockets(application: Application) -> list[WebSocketHandler]:
    return [each for each in list(application.active) if isinstance(each, WebSocketHandler) and each.ws_connection]


def _cancel(application: Application, limit: str) -> None:
    """Cancel the requests that are still running, cut off those that have not come whole, and name them."""
    for delegate in list(application.receiving):
        name = _describe(delegate.request, delegate.handler_class)
        log.warning("%s has not come whole %s and is cut off", name, limit)
        connection: Any = delegate.connection
        if hasattr(connection, "close"):
            connection.close()
    for handler in list(application.active):
        log.warning("%s has not finished %s and is cancelled", _describe(handler.request, type(handler)), limit)
        if handler._task is not None:
            handler._task.cancel()
        handler.context.cancel_tasks()


def _describe(request: HTTPServerRequest, handler_class: type[LifecycleHandler]) -> str:
    name = f"{handler_class.__module__}.{handler_class.__qualname__}"
    return f"{request.method} {escape_control(request.path)} ({name})"
