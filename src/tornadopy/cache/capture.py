"""A page as a handler's method makes it: what is kept of it, and how a later request gets it.

`tornadopy.cache.pages` uses it. It knows a handler only by the protocol `tornadopy.types.PageHandler`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from tornadopy.cache.freshness import NOT_SHARED, parse_cache_control, set_freshness, set_vary
from tornadopy.types import PageHandler

Page: TypeAlias = dict[str, Any]
"""A page in values of JSON, so that every serializer can keep it."""

CREDENTIALS = ("Authorization", "X-Token")
"""Request headers that say who is asking."""

_COOKIES = "_cookies"
"""Where a request of Tornado keeps its cookies, parsed when they are first asked for."""

_OF_ONE_RESPONSE = frozenset({"age", "connection", "date", "server", "set-cookie", "transfer-encoding", "x-request-id"})


class Capture:
    """Look on while a method makes its page, and take it down at the moment when it is finished.

    That moment is before any ``response`` hook of a middleware: they see the page whenever it is sent.

    Args:
        handler: The handler, whose `finish` and `flush` are watched until `release`.
        timeout: Seconds that the page will be kept.
        vary: As in ``cache_page``.
        language: Whether the page is kept for each language by itself.
        on_stream: Called when the method begins to stream, so that there will be no page.

    Attributes:
        page: The page; None: there is none that may be kept.
        vary: The names of the request headers that it depends on.
    """

    def __init__(
        self,
        handler: PageHandler,
        timeout: float,
        *,
        vary: tuple[str, ...] | None,
        language: bool,
        on_stream: Callable[[], None] | None = None,
    ) -> None:
        self.page: Page | None = None
        self.vary: list[str] = []
        self._handler = handler
        self._timeout = timeout
        self._wanted_vary = vary
        self._language = language
        self._on_stream = on_stream
        self._headers_before = _headers_of(handler)
        # SECURITY: forgotten, and parsed anew when the method asks for them, so that it shows that it does.
        self._cookies_before = vars(handler.request).pop(_COOKIES, None)
        self._had_user = "_current_user" in vars(handler)
        self._shadowed: dict[str, Any] = {
            name: vars(handler)[name] for name in ("finish", "flush") if name in vars(handler)
        }
        handler.finish = self._finish  # type: ignore[method-assign]  # for this request alone, until it is released
        handler.flush = self._flush  # type: ignore[method-assign]
        self._is_watching = True
        self._has_read_cookies = False

    def release(self) -> None:
        """Watch no longer."""
        if self._is_watching:
            self._is_watching = False
            for name in ("finish", "flush"):
                vars(self._handler).pop(name, None)
            vars(self._handler).update(self._shadowed)
            self._has_read_cookies = _COOKIES in vars(self._handler.request)
            if self._cookies_before is not None:
                vars(self._handler.request).setdefault(_COOKIES, self._cookies_before)

    def _finish(self, *args: Any, **kwargs: Any) -> Any:
        self.release()
        if self._is_shareable():
            set_freshness(self._handler, self._timeout)
            self.vary = set_vary(self._handler, self._dependencies())
            if self._handler.get_status() == 200 and self._timeout > 0:
                self.page = self._take(*args, **kwargs)
        sent = self._handler.finish(*args, **kwargs)
        # SECURITY: a client that reads slowly must not hold up the method, and so all who wait for the page.
        return _resolved() if isinstance(sent, asyncio.Future) else sent

    def _flush(self, *args: Any, **kwargs: Any) -> Any:
        self.release()  # a streamed page is not kept
        if self._on_stream is not None:
            self._on_stream()
        return self._handler.flush(*args, **kwargs)

    def _take(self, chunk: Any = None) -> Page | None:
        """Return the page that `finish` completes with *chunk*."""
        kept_chunk = None if chunk is None else _to_text(chunk)
        if chunk is not None and kept_chunk is None:
            return None
        return {
            "headers": _changed(self._headers_before, _headers_of(self._handler)),
            "body": _to_text(b"".join(self._handler._write_buffer)),
            "chunk": kept_chunk,
            "time": time.time(),
        }

    def _is_shareable(self) -> bool:
        handler, headers = self._handler, self._handler._headers
        sets_cookies = bool(getattr(handler, "_new_cookie", None)) or "Set-Cookie" in headers
        forbidden = NOT_SHARED.intersection(parse_cache_control(",".join(headers.get_list("Cache-Control"))))
        varies_by_anything = "*" in ",".join(headers.get_list("Vary"))
        is_made = handler.get_status() in {200, 304} and not handler._headers_written
        return is_made and not sets_cookies and not forbidden and not varies_by_anything

    def _dependencies(self) -> list[str]:
        """Return the names of the request headers that the page depends on, as far as can be seen here."""
        handler = self._handler
        names = [name for name in CREDENTIALS if handler.request.headers.get(name)]
        if self._language and "_locale" in vars(handler):
            names.append("Accept-Language")
        # SECURITY: a form with the XSRF token of one client is of no use to another, and none of his business.
        if hasattr(handler, "_xsrf_token") or (self._wanted_vary != () and self._is_personal()):
            names.append("Cookie")
        return [*names, *(self._wanted_vary or ())]

    def _is_personal(self) -> bool:
        """Whether the handler has read cookies or the session, or the user where there may be one."""
        handler = self._handler
        # NOTE: Tornado asks for the user whenever it renders a template, also where nobody can log in.
        knows_users = self._had_user or type(handler).get_current_user.__module__ != "tornado.web"  # type: ignore[attr-defined]
        has_asked_for_user = "_current_user" in vars(handler) and knows_users
        # Who reads them before need not be the handler: a middleware may do so for its own ends.
        has_read_before = self._cookies_before is not None and _prepares(handler)
        return has_asked_for_user or self._has_read_cookies or has_read_before or _has_used_state(handler)


def _resolved() -> asyncio.Future[None]:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def replay(handler: PageHandler, page: Page) -> None:
    """Finish the response of *handler* with *page*."""
    for name, values in page["headers"]:
        handler.clear_header(name)
        for value in values:
            handler.add_header(name, value)
    handler.set_header("Age", str(max(0, int(time.time() - page["time"]))))
    body = _from_text(page["body"])
    if body:
        handler.write(body)
    handler.finish(*(() if page["chunk"] is None else (_from_text(page["chunk"]),)))


def _headers_of(handler: PageHandler) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in handler._headers.get_all():
        headers.setdefault(name, []).append(value)
    return headers


def _changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[list[Any]]:
    """Return the headers that the method has set, changed or cleared: those of others are set anew for each request."""
    names = [name for name in {**before, **after} if name.lower() not in _OF_ONE_RESPONSE]
    return [[name, after.get(name, [])] for name in names if before.get(name) != after.get(name)]


def _prepares(handler: PageHandler) -> bool:
    """Whether the handler has code of its own that runs before its method."""
    hooks = (getattr(type(handler), name, None) for name in ("prepare", "on_prepare"))
    return any(hook is not None and hook.__module__.partition(".")[0] not in {"tornado", "tornadopy"} for hook in hooks)


def _has_used_state(handler: PageHandler) -> bool:
    """Whether something of this client that a middleware keeps for the request, such as a session, has been used."""
    context = getattr(handler, "context", None)  # a handler of a plain Tornado application has none
    return context is not None and any(getattr(each, "is_used", False) for each in context.state.values())


def _to_text(chunk: Any) -> list[str] | None:
    """Return a chunk as text, with its kind; None if it is nothing that Tornado's own handlers write."""
    if isinstance(chunk, str):
        return ["text", chunk]
    if isinstance(chunk, dict):
        try:
            return ["json", json.dumps(chunk)]
        except (TypeError, ValueError):
            return None
    if not isinstance(chunk, bytes):
        return None
    try:
        return ["utf-8", chunk.decode("utf-8")]
    except UnicodeDecodeError:
        return ["base64", base64.b64encode(chunk).decode("ascii")]


def _from_text(pair: list[str]) -> Any:
    kind, text = pair
    if kind == "json":
        return json.loads(text)
    if kind == "base64":
        return base64.b64decode(text)
    return text.encode("utf-8") if kind == "utf-8" else text
