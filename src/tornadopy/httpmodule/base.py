"""What an HTTP module is: the class that users derive theirs from, and the names of its hooks.

Knows neither the settings that name modules nor the middleware that runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

PHASES = ("begin_request", "begin_render", "begin_response", "complete_response")
"""The hooks of a module, in the order in which a request meets them."""


class BaseHttpModule:
    """A set of hooks for the requests of some routes, or of all; derive from it and write at least one hook.

    ``begin_request(handler, clear)``
        Before ``prepare`` and the handler's method.
    ``begin_render(handler, clear, template_name, **kwargs)``
        When ``render`` or ``render_string`` is called; ``kwargs`` are the template's values.
    ``begin_response(handler, clear, chunk)``
        Before the response goes out. ``chunk`` is the list of the body's parts: replace or append items.
    ``complete_response(handler, clear)``
        When the response has been sent.

    All but ``begin_render`` may be ``async def``. A hook that returns a true value ends its phase for the remaining
    modules and middlewares; ``clear()`` drops every remaining hook of every phase. A hook that a class does not write
    is None here, and costs a request nothing. One object of the class serves all requests of an application: keep
    nothing of a request on ``self``.

    .. versionadded:: 2.0
    """

    begin_request: ClassVar[Callable[..., Any] | None] = None
    begin_render: ClassVar[Callable[..., Any] | None] = None
    begin_response: ClassVar[Callable[..., Any] | None] = None
    complete_response: ClassVar[Callable[..., Any] | None] = None
