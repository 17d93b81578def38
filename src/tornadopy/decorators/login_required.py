"""Handlers that answer users who have logged in, and ask all others to.

Who is logged in, sessions, tokens or the handler itself say; this only asks them, through the handler.

NOTE: ``from tornadopy.decorators import login_required`` finds this module, so the module itself can be called: it is
the decorator of its name.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar, overload
from urllib.parse import urlsplit

from tornado.httputil import url_concat
from tornado.web import RequestHandler

from tornadopy.decorators._methods import decorate_methods
from tornadopy.exceptions import ConfigError, HttpForbiddenError, HttpUnauthorizedError
from tornadopy.utils.redirects import is_own_address

__all__ = ["login_required", "safe_next", "session", "token"]

F = TypeVar("F", bound=Callable[..., Any])

USER_KEY = "userid"
_SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of the decorator.

    Args:
        name: Its name, for messages.
        load: Waits for what tells who it is.
        is_user: Tells whether it is anybody.
        redirects: Whether a browser is sent to the login page.
    """

    name: str
    load: Callable[[Any], Awaitable[None]]
    is_user: Callable[[Any], bool]
    redirects: bool = True


class LoginRequired:
    """The decorator, and its forms for sessions and for tokens alone.

    ::

        @login_required  # current_user, else a session or a token
        def get(self): ...

        @login_required.session  # self.session["userid"]
        async def post(self): ...

        @login_required.token  # self.token.get_current_user()
        class Orders(ApiHandler): ...

    A page sends its reader to ``TORNADO_CONF['login_url']``, which gets the address as the argument ``next``; a form
    that is sent without login is answered with 403, for a redirect would lose what it holds. Whoever asks for something
    else than a page, asks an `ApiHandler`, or needs a token, gets 401 with ``WWW-Authenticate: Bearer`` (RFC 6750,
    section 3).

    .. versionadded:: 2.0
    """

    def __call__(self, target: F) -> F:
        """Guard a method, or the methods of a handler class: by ``current_user``, else by a session or a token.

        A handler that has its own ``get_current_user`` decides alone.
        """
        return _guard(target, Form(name="login_required", load=_load_any, is_user=_is_any_user))

    @overload
    def session(self, target: F, /) -> F: ...

    @overload
    def session(self, /, *, key: str) -> Callable[[F], F]: ...

    def session(self, target: Any = None, /, *, key: str = USER_KEY) -> Any:
        """Guard by the session: somebody is logged in if it holds *key*."""

        def is_user(handler: Any) -> bool:
            return handler.session[key] is not None

        form = Form(name="login_required.session", load=_load_session, is_user=is_user)
        return functools.partial(_guard, form=form) if target is None else _guard(target, form)

    def token(self, target: F) -> F:
        """Guard by the token: somebody is logged in if the request presents one that works."""
        form = Form(name="login_required.token", load=_load_token, is_user=_is_token_user, redirects=False)
        return _guard(target, form)


login_required = LoginRequired()
session = login_required.session
token = login_required.token


def safe_next(handler: RequestHandler, default: str = "/") -> str:
    """Return where to go after the login: the argument ``next``, if it leads to the own site, else *default*.

    .. versionadded:: 2.0
    """
    target = handler.get_argument("next", "")
    return target if _is_own(handler, target) else default


def _guard(target: F, form: Form) -> F:
    return decorate_methods(target, functools.partial(_guard_method, form=form), name=form.name)


def _guard_method(method: Callable[..., Any], form: Form) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def asynchronous(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
            await form.load(self)
            return await method(self, *args, **kwargs) if _admits(self, form) else None

        return asynchronous

    @functools.wraps(method)
    def synchronous(self: RequestHandler, *args: Any, **kwargs: Any) -> Any:
        return method(self, *args, **kwargs) if _admits(self, form) else None

    return synchronous


def _admits(handler: RequestHandler, form: Form) -> bool:
    """Whether somebody is logged in; if not, the answer has been given.

    Raises:
        HttpUnauthorizedError: A program should show a token.
        HttpForbiddenError: A form was sent without login.
    """
    if form.is_user(handler):
        return True
    if not form.redirects or not _wants_page(handler):
        raise HttpUnauthorizedError(_challenge(handler))
    if handler.request.method not in _SAFE_METHODS:
        raise HttpForbiddenError
    handler.redirect(_login_address(handler))
    return False


def _wants_page(handler: RequestHandler) -> bool:
    if handler.request.headers.get("Upgrade", "").lower() == "websocket":
        return False
    get_format = getattr(handler, "get_error_format", None)
    return get_format is None or get_format() == "html"


def _challenge(handler: RequestHandler) -> str:
    has_token = _has(handler, "open_token") and handler.token.is_presented  # type: ignore[attr-defined]  # a handler of ours
    return 'Bearer error="invalid_token"' if has_token else "Bearer"


def _login_address(handler: RequestHandler) -> str:
    if "login_url" not in handler.settings and type(handler).get_login_url is RequestHandler.get_login_url:
        raise ConfigError(
            "login_required sends readers to the login page; set TORNADO_CONF['login_url'] to its address, or override "
            "get_login_url in the handler"
        )
    url = handler.get_login_url()
    parts = urlsplit(url)
    if any(pair.partition("=")[0] == "next" for pair in parts.query.split("&")):
        return url
    if parts.netloc and not _is_own(handler, url):
        return url_concat(url, {"next": handler.request.full_url()})
    here = str(handler.request.uri)
    return url_concat(url, {"next": here if _is_own(handler, here) else "/"})


def _is_own(handler: RequestHandler, target: str) -> bool:
    return is_own_address(target, protocol=handler.request.protocol, host=handler.request.host)


# Who it is


async def _load_session(handler: Any) -> None:
    await handler.session.load()


async def _load_token(handler: Any) -> None:
    await handler.token.load()


async def _load_any(handler: Any) -> None:
    if _has(handler, "open_session"):
        await _load_session(handler)
    if _has(handler, "open_token"):
        await _load_token(handler)


def _is_any_user(handler: Any) -> bool:
    if handler.current_user or type(handler).get_current_user is not RequestHandler.get_current_user:
        return bool(handler.current_user)
    if _has(handler, "open_session") and handler.session[USER_KEY] is not None:
        return True
    return _has(handler, "open_token") and _is_token_user(handler)


def _is_token_user(handler: Any) -> bool:
    return handler.token.get_current_user() is not None


def _has(handler: RequestHandler, opener: str) -> bool:
    return getattr(handler.application, opener, None) is not None


class _CallableModule(ModuleType):
    """This module, called as the decorator that it holds."""

    def __call__(self, target: F) -> F:
        return login_required(target)


sys.modules[__name__].__class__ = _CallableModule
