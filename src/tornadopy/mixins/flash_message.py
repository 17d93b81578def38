"""Messages that the next page shows once, kept in a signed cookie.

Mixed into any `tornado.web.RequestHandler`; templates call ``handler.get_flashed_messages()``.
"""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, ClassVar, cast

from tornadopy.exceptions import FlashMessageTooLarge

if TYPE_CHECKING:
    from tornado.web import RequestHandler

__all__ = ["FlashMessageMixIn"]

COOKIE_LIMIT = 4096
"""Bytes of name, value and attributes that every browser takes (RFC 6265, section 6.1)."""

Messages = list[tuple[str, str]]


class FlashMessageMixIn:
    """Give a handler `flash` and `get_flashed_messages`.

    ::

        class Login(FlashMessageMixIn, WebHandler):
            def post(self) -> None:
                self.flash("Welcome back", "success")
                self.redirect("/")

    The messages travel in one cookie, signed with the application's ``cookie_secret``; the client can read but not
    change them. What has not been shown waits for a later request, until the browser closes.

    Attributes:
        flash_cookie_name: The name of the cookie.

    .. versionadded:: 2.0
    """

    flash_cookie_name: ClassVar[str] = "_flash"

    # None: the request's cookie has not been read.
    _flash_unread: Messages | None = None

    def flash(self, message: object, category: str = "message") -> None:
        """Keep *message* for the next `get_flashed_messages`, in this request or a later one.

        Args:
            message: What is shown; anything but text is turned into text.
            category: What kind of message it is, such as ``success`` or ``error``.

        Raises:
            FlashMessageTooLarge: The cookie would be larger than browsers take; the earlier messages are kept.
            RuntimeError: The headers have been sent, so that no cookie can be set any more.
        """
        if self._flash_handler()._headers_written:
            raise RuntimeError("Cannot flash() after the headers have been sent; call it before flush() and finish()")
        messages = [*self._flash_load(), (_text(category), _text(message))]
        self._flash_store(messages)
        self._flash_unread = messages

    def get_flashed_messages(self) -> Messages:
        """Return the messages that have not been shown yet as pairs of category and message, and forget them.

        A second call returns what has been flashed since the first. Once the headers have been sent nothing could be
        forgotten: then the messages are left to the next request.
        """
        handler = self._flash_handler()
        if handler._headers_written:
            return []
        messages = self._flash_load()
        if messages or handler.get_cookie(self.flash_cookie_name) is not None:
            handler.clear_cookie(self.flash_cookie_name, **self._flash_attributes())
        self._flash_unread = []
        return messages

    def _flash_handler(self) -> RequestHandler:
        return cast("RequestHandler", self)

    def _flash_load(self) -> Messages:
        if self._flash_unread is None:
            self._flash_unread = self._flash_received()
        return self._flash_unread

    def _flash_received(self) -> Messages:
        """Return the messages of the request's cookie; none if it is not what `flash` has set."""
        handler = self._flash_handler()
        cookie = handler.get_cookie(self.flash_cookie_name)
        if cookie is None or len(cookie) > COOKIE_LIMIT:
            return []
        return _decode(handler.get_signed_cookie(self.flash_cookie_name, min_version=2))

    def _flash_store(self, messages: Messages) -> None:
        handler = self._flash_handler()
        name = self.flash_cookie_name
        payload = json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode()
        value = handler.create_signed_value(name, payload, version=2).decode()
        attributes = self._flash_attributes()
        size = _cookie_size(name, value, attributes)
        if size > COOKIE_LIMIT:
            raise FlashMessageTooLarge(
                f"flash(): with this message the cookie {name!r} would have {size} bytes, browsers take "
                f"{COOKIE_LIMIT}; {len(messages) - 1} earlier message(s) are kept: flash a shorter text, or store a "
                "long one (session, database) and flash a reference to it"
            )
        handler.set_cookie(name, value, **attributes)

    def _flash_attributes(self) -> dict[str, Any]:
        secure = self._flash_handler().request.protocol == "https"
        return {"path": "/", "httponly": True, "samesite": "Lax", "secure": secure}


def _text(value: object) -> str:
    """Return *value* as text that UTF-8 can carry: a lone surrogate becomes a question mark."""
    return str(value).encode("utf-8", "replace").decode()


def _cookie_size(name: str, value: str, attributes: dict[str, Any]) -> int:
    """Return the number of bytes of the cookie as it is sent."""
    cookie = SimpleCookie({name: value})
    cookie[name].update(attributes)
    return len(cookie[name].OutputString())


def _decode(payload: bytes | None) -> Messages:
    try:
        found = json.loads(payload) if payload else []
    except ValueError:
        return []
    if not isinstance(found, list):
        return []
    # Another version of the application may have put something else there.
    if not all(isinstance(each, list) and list(map(type, each)) == [str, str] for each in found):
        return []
    return [(category, message) for category, message in found]
