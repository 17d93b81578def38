"""The middleware that tells the signals of `tornadopy.signal` how far a request has come.

Its hooks stay synchronous as long as every receiver is: only a stage with an asynchronous receiver hands an awaitable
to the pipeline. They return nothing that is true, so that no phase ends here; an error of a receiver comes out as if
the hook had raised it. A signal without receivers costs one look at its list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPServerRequest

from tornadopy.signal import call_finished, call_started, handler_render, handler_response, handler_started

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.web import RequestHandler

    from tornadopy.dispatch import Signal
    from tornadopy.types import Clear

__all__ = ["SignalMiddleware"]


class SignalMiddleware:
    """Send a signal at each of the five stages of a request.

    .. versionadded:: 2.0
    """

    def process_call(self, request: HTTPServerRequest, clear: Clear) -> None:  # noqa: ARG002 - the hook's signature
        """Send ``call_started``."""
        # NOTE: not type(request), which is another one with each server.
        if call_started.has_listeners(HTTPServerRequest):
            call_started.send(HTTPServerRequest, request=request)

    def process_request(self, handler: RequestHandler, clear: Clear) -> Awaitable[None] | None:  # noqa: ARG002
        """Send ``handler_started``."""
        return _send(handler_started, handler)

    def process_render(
        self,
        handler: RequestHandler,
        clear: Clear,  # noqa: ARG002 - the hook's signature
        template_name: str,
        /,
        **kwargs: Any,
    ) -> None:
        """Send ``handler_render``; the template's arguments, of any name, come as ``template_kwargs``."""
        sender = _sender(handler)
        if handler_render.has_listeners(sender):
            handler_render.send(sender, handler=handler, template_name=template_name, template_kwargs=kwargs)

    def process_response(
        self,
        handler: RequestHandler,
        clear: Clear,  # noqa: ARG002 - the hook's signature
        chunk: list[bytes],
    ) -> Awaitable[None] | None:
        """Send ``handler_response``."""
        return _send(handler_response, handler, chunk=chunk)

    def process_endcall(self, handler: RequestHandler, clear: Clear) -> Awaitable[None] | None:  # noqa: ARG002
        """Send ``call_finished``."""
        return _send(call_finished, handler)


def _sender(handler: RequestHandler) -> type[RequestHandler]:
    """Return the class that was routed, also where a subclass of it serves."""
    return getattr(handler, "routed_class", None) or type(handler)


def _send(signal: Signal, handler: RequestHandler, **named: Any) -> Awaitable[None] | None:
    """Send *signal*; what is returned, if anything, is still to be awaited."""
    sender = _sender(handler)
    if not signal.has_listeners(sender):
        return None
    if signal.has_async_listeners(sender):
        return _asend(signal, sender, handler=handler, **named)
    signal.send(sender, handler=handler, **named)
    return None


async def _asend(signal: Signal, sender: type[RequestHandler], **named: Any) -> None:
    await signal.asend(sender, **named)
