"""Decorators that guard a handler's method, or all methods of a handler class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tornado.web import RequestHandler

from tornadopy.exceptions import ArgumentError

F = TypeVar("F", bound=Callable[..., Any])


def decorate_methods(target: F, decorate: Callable[[Any], Any], *, name: str) -> F:
    """Return *target*, a method, decorated; of a handler class, each method of HTTP that it has or inherits.

    Args:
        target: What is decorated.
        decorate: The decorator of one method.
        name: Its name, for the message.

    Raises:
        ArgumentError: A class is no handler.
    """
    if not inspect.isclass(target):
        return cast("F", decorate(target))
    if not issubclass(target, RequestHandler):
        raise ArgumentError(f"{name} decorates handlers and their methods; {target.__qualname__} is no handler")
    for each in map(str.lower, target.SUPPORTED_METHODS):
        method = getattr(target, each)
        if method is not RequestHandler._unimplemented_method:
            setattr(target, each, decorate(method))
    return cast("F", target)
