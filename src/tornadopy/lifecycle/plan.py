"""What a handler class overrides: looked at when the class is made, and again when an application routes to it.

`LifecycleHandler` makes a plan for each of its subclasses. Where a class leaves alone the methods of Tornado's that a
step consists of, `tornadopy.lifecycle.lean` takes the step in one go.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

from tornado.web import RequestHandler

from tornadopy.utils.awaitables import is_asynchronous

_ETAG_METHODS = ("set_etag_header", "compute_etag", "check_etag_header")
_SENDING_METHODS = (
    "set_header",
    "flush",
    "_convert_header_value",
    "_should_not_send_content",
    "_log",
    "_break_cycles",
)


class Plan:
    """What may be done in one go for the requests of a handler class; without arguments: nothing.

    Attributes:
        is_pure: Whether no class but ours and Tornado's own has a say between `LifecycleHandler` and `object`.
        makes_at_once: Whether it is pure, and its ``__init__`` hands its keyword arguments on.
        sends_at_once: Whether the class leaves alone the methods that a response is sent by.
        hashes_at_once: Whether it leaves alone those that make the ETag.
        methods_at_once: The HTTP methods for which nothing that is known of the class asks for a task, and the names of
            the functions that serve them.
        decodes: Whether it has a `decode_argument` of its own.
        prepares: Whether it has a `prepare` or an `on_prepare` of its own.
        concludes: Whether it has a `complete_finish` of its own.
        has_defaults: Whether it has a `set_default_headers` or a `clear` of its own.
        initializes: Whether it has an `initialize` of its own.
        initialize_names: The arguments that `initialize` takes; None for any.
    """

    __slots__ = (
        "concludes",
        "decodes",
        "has_defaults",
        "hashes_at_once",
        "initialize_names",
        "initializes",
        "is_pure",
        "makes_at_once",
        "methods_at_once",
        "prepares",
        "sends_at_once",
    )

    def __init__(
        self,
        *,
        is_pure: bool = False,
        makes_at_once: bool = False,
        sends_at_once: bool = False,
        hashes_at_once: bool = False,
        methods_at_once: Mapping[str, str] = MappingProxyType({}),
        has_defaults: bool = True,
        initializes: bool = True,
        decodes: bool = True,
        prepares: bool = True,
        concludes: bool = True,
        initialize_names: frozenset[str] | None = frozenset(),
    ) -> None:
        self.is_pure = is_pure
        self.makes_at_once = makes_at_once
        self.sends_at_once = sends_at_once
        self.hashes_at_once = hashes_at_once
        self.methods_at_once = methods_at_once
        self.has_defaults = has_defaults
        self.initializes = initializes
        self.decodes = decodes
        self.prepares = prepares
        self.concludes = concludes
        self.initialize_names = initialize_names

    @classmethod
    def of(cls, handler_class: type[RequestHandler], base: type[RequestHandler]) -> Self:
        """Return the plan of *handler_class*, which inherits *base*."""

        def leaves_alone(*names: str) -> bool:
            return all(getattr(handler_class, name) is getattr(base, name) for name in names)

        order = handler_class.__mro__
        is_pure = order[order.index(base) :] == base.__mro__
        return cls(
            is_pure=is_pure,
            makes_at_once=is_pure and not hasattr(handler_class, "_kept_kwargs"),
            sends_at_once=is_pure and leaves_alone(*_SENDING_METHODS),
            hashes_at_once=leaves_alone(*_ETAG_METHODS),
            methods_at_once=_methods_at_once(handler_class) if leaves_alone("_execute") else {},
            has_defaults=not leaves_alone("set_default_headers", "clear"),
            initializes=not leaves_alone("initialize"),
            decodes=not leaves_alone("decode_argument"),
            prepares=not leaves_alone("prepare", "on_prepare"),
            concludes=not leaves_alone("complete_finish"),
            initialize_names=_parameters(handler_class.initialize),
        )


def _methods_at_once(handler_class: type[RequestHandler]) -> dict[str, str]:
    """Return the HTTP methods that *handler_class* serves by plain functions alone, and the names of the functions.

    NOTE: code that runs in a task of asyncio's may ask for it, cancel it, set it a time. That is why an asynchronous
    method is given one from the start, with `prepare` in it, and not only when it first waits.
    """
    on_prepare = getattr(handler_class, "on_prepare", None)
    if is_asynchronous(handler_class.prepare) or is_asynchronous(on_prepare):
        return {}
    names = {method: method.lower() for method in handler_class.SUPPORTED_METHODS}
    return {method: name for method, name in names.items() if not is_asynchronous(getattr(handler_class, name, None))}


def _parameters(initialize: Any) -> frozenset[str] | None:
    """Return the names that *initialize* takes, or None if it takes any."""
    parameters = list(inspect.signature(initialize).parameters.values())[1:]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return frozenset(each.name for each in parameters)
