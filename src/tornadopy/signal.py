"""The signals of a request's five stages, sent by `tornadopy.middleware.signal.SignalMiddleware`.

==================  =====================  =================================================  =====================
signal              stage                  arguments                                          asynchronous receivers
==================  =====================  =================================================  =====================
call_started        process_call           ``request``                                        refused
handler_started     process_request        ``handler``                                        awaited
handler_render      process_render         ``handler``, ``template_name``,                    refused
                                           ``template_kwargs``
handler_response    process_response       ``handler``, ``chunk``                             awaited
call_finished       process_endcall        ``handler``                                        awaited
==================  =====================  =================================================  =====================

The sender is `tornado.httputil.HTTPServerRequest` (``call_started``), whatever the server, or the class of the handler.

.. versionadded:: 2.0
"""

from tornadopy.dispatch import Signal, receiver

__all__ = ["call_finished", "call_started", "handler_render", "handler_response", "handler_started", "receiver"]

call_started = Signal(["request"], synchronous=True)
"""A request has arrived; it is not routed yet."""

handler_started = Signal(["handler"])
"""A handler is about to run."""

handler_render = Signal(["handler", "template_name", "template_kwargs"], synchronous=True)
"""A template is about to be rendered; what is put into ``template_kwargs`` does not reach it."""

handler_response = Signal(["handler", "chunk"])
"""The response is about to be sent; ``chunk`` is the list of its body's chunks, which may be changed."""

call_finished = Signal(["handler"])
"""The response has been sent."""
