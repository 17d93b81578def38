"""What a handler class overrides: looked at when the class is made, and again when an application routes to it.

`LifecycleHandler` makes a plan for each of its subclasses. Where a class leaves alone the methods of Tornado's that a
step consists of, `tornadopy.lifecycle.lean` takes the step in one go.
"""

from __future__ import annotations

import inspect
from collections.abc import Set as AbstractSet
from typing import Any, Self

from tornado.web import RequestHandler

from tornadopy.utils.awaitables import is_asynchronous

_ETAG_METHODS = ("set_etag_header", "compute_etag", "check_etag_header")
_NAMING_METHODS = ("get_current_user", "current_user", "get_user_locale", "get_browser_locale", "locale", "ui")
_SENDING_METHODS = (
    "set_header",
    "flush",
    "_convert_header_value",
    "_should_not_send_content",
    "_log",
    "_break_cycles",
)


class Plan:
    """What may be done in one go for the requests of a handler class; at first: nothing.

    Attributes:
        is_pure: Whether no class but ours and Tornado's own has a say between `LifecycleHandler` and `object`.
        makes_at_once: Whether it is pure, and its ``__init__`` hands its keyword arguments on.
        sends_at_once: Whether the class leaves alone the methods that a response is sent by.
        hashes_at_once: Whether it leaves alone those that make the ETag.
        methods_at_once: The HTTP methods for which nothing that is known of the class asks for a task.
        decodes: Whether it has a `decode_argument` of its own.
        prepares: Whether it has a `prepare` or an `on_prepare` of its own.
        names_at_once: Whether it is pure, and leaves alone those by which a template's names are found.
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
        "names_at_once",
        "prepares",
        "sends_at_once",
    )

    def __init__(self) -> None:
        self.is_pure = self.makes_at_once = self.sends_at_once = self.hashes_at_once = False
        self.names_at_once = False
        self.methods_at_once: frozenset[str] = frozenset()
        self.has_defaults = self.initializes = self.decodes = self.prepares = self.concludes = True
        self.initialize_names: frozenset[str] | None = frozenset()

    @classmethod
    def of(cls, handler_class: type[RequestHandler], base: type[RequestHandler]) -> Self:
        """Return the plan of *handler_class*, which inherits *base*."""
        order, inherited = handler_class.__mro__, base.__mro__
        own: set[str] = set().union(*map(vars, set(order).difference(inherited)))
        is_pure = order[order.index(base) :] == inherited
        plan = cls()
        plan.is_pure = is_pure
        plan.makes_at_once = is_pure and not hasattr(handler_class, "_kept_kwargs")
        plan.sends_at_once = is_pure and own.isdisjoint(_SENDING_METHODS)
        plan.hashes_at_once = own.isdisjoint(_ETAG_METHODS)
        plan.names_at_once = is_pure and own.isdisjoint(_NAMING_METHODS)
        plan.methods_at_once = frozenset() if "_execute" in own else _methods_at_once(handler_class, own)
        plan.has_defaults = not own.isdisjoint(("set_default_headers", "clear"))
        plan.initializes = "initialize" in own
        plan.decodes = "decode_argument" in own
        plan.prepares = not own.isdisjoint(("prepare", "on_prepare"))
        plan.concludes = "complete_finish" in own
        plan.initialize_names = _parameters(handler_class.initialize) if plan.initializes else frozenset()
        return plan


def _methods_at_once(handler_class: type[RequestHandler], own: AbstractSet[str]) -> frozenset[str]:
    """Return the HTTP methods that *handler_class* serves by plain functions alone.

    NOTE: code that runs in a task of asyncio's may ask for it, cancel it, set it a time. That is why an asynchronous
    method is given one from the start, with `prepare` in it, and not only when it first waits.

    Args:
        handler_class: The class.
        own: The names that it has of its own; the methods of Tornado's, and ours, are plain.
    """

    def is_plain(name: str) -> bool:
        return name not in own or not is_asynchronous(getattr(handler_class, name))

    if not (is_plain("prepare") and is_plain("on_prepare")):
        return frozenset()
    return frozenset(method for method in handler_class.SUPPORTED_METHODS if is_plain(method.lower()))


def _parameters(initialize: Any) -> frozenset[str] | None:
    """Return the names that *initialize* takes, or None if it takes any."""
    parameters = list(inspect.signature(initialize).parameters.values())[1:]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return frozenset(each.name for each in parameters)
