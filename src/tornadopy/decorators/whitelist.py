"""Handlers that answer known addresses alone, and 403 to all others.

What the address of a client is, behind a proxy, is the server's business (``XHEADERS``, ``TRUSTED_PROXIES``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast, overload

from tornado.web import RequestHandler

from tornadopy.conf import settings
from tornadopy.decorators._methods import decorate_methods
from tornadopy.exceptions import ArgumentError, HttpForbiddenError
from tornadopy.utils.addresses import AddressSet, parse_addresses

__all__ = ["whitelisted"]

F = TypeVar("F", bound=Callable[..., Any])
Allowed = Callable[[RequestHandler], AddressSet]


@overload
def whitelisted(target: F, /) -> F: ...


@overload
def whitelisted(*entries: str | Iterable[str]) -> Callable[[F], F]: ...


def whitelisted(*arguments: Any) -> Any:
    """Let a handler's method, or all methods of a handler class, answer known addresses alone.

    ::

        @whitelisted  # the addresses and networks of the setting WHITELIST
        def get(self): ...

        @whitelisted("10.0.0.0/8")
        async def post(self): ...

        @whitelisted(["127.0.0.1", "::1"])
        class Admin(WebHandler): ...

    The setting is that of the handler's application. An empty list lets nobody in. On a class, the methods that it has
    or inherits are guarded; one that a subclass overrides is not.

    Args:
        *arguments: What is decorated, or addresses and networks, singly or in lists.

    Raises:
        ArgumentError: When decorating: an entry is neither an address nor a network, or a class is no handler.
        ConfigError: At a request: so is an entry of ``WHITELIST``; the message names it.
        HttpForbiddenError: At a request: the address is not among them.

    .. versionadded:: 2.0
    """
    if len(arguments) == 1 and callable(arguments[0]):
        return _guard(arguments[0], _of_setting)
    if not arguments:
        return functools.partial(_guard, allowed=_of_setting)
    entries = [entry for each in arguments for entry in ([each] if isinstance(each, str) else each)]
    members = parse_addresses(entries, source="whitelisted", error=ArgumentError)
    return functools.partial(_guard, allowed=lambda _: members)


def _guard(target: F, allowed: Allowed) -> F:
    return decorate_methods(target, functools.partial(_guard_method, allowed=allowed), name="whitelisted")


def _guard_method(method: F, allowed: Allowed) -> F:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def asynchronous(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
            _check(self, allowed)
            return await method(self, *args, **kwargs)

        return cast("F", asynchronous)

    @functools.wraps(method)
    def synchronous(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
        _check(self, allowed)
        return method(self, *args, **kwargs)

    return cast("F", synchronous)


def _check(handler: RequestHandler, allowed: Allowed) -> None:
    address = handler.request.remote_ip
    if address not in allowed(handler):
        raise HttpForbiddenError("the address %r is not on the white list", address)


def _of_setting(handler: RequestHandler) -> AddressSet:
    whitelist: AddressSet | None = getattr(handler.application, "whitelist", None)
    if whitelist is not None:
        return whitelist
    return _compile(tuple(getattr(handler.application, "conf", settings).WHITELIST))


@functools.lru_cache(maxsize=64)
def _compile(entries: tuple[str, ...]) -> AddressSet:
    return parse_addresses(entries, source="WHITELIST")
