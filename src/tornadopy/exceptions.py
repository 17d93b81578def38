"""Every error that tornadopy raises, in one tree.

::

    TornadopyError
    ├── ConfigError                 a setting is missing, unknown or wrong (also an AttributeError)
    ├── ArgumentError               a call got an argument that it cannot use (also a ValueError)
    ├── UrlError                    a route is not one, or its handler cannot be imported
    ├── ServerError                 a step of the server was called out of order, a port is taken
    ├── TemplateError               a template could not be found, read or compiled
    │   ├── TemplateNotFound
    │   └── TemplateSyntaxError
    ├── MissingExtraError           an optional dependency is not installed (also an ImportError)
    ├── CancelledWorkError          what a hook waited for has been cancelled
    ├── FlashMessageTooLarge        the flashed messages exceed what a cookie can hold
    ├── CacheConnectionError        the server behind a cache cannot be reached, or does not answer in time
    ├── InvalidCacheKey             a key that the cache cannot hold (also a ValueError)
    ├── SerializationError          a value that a serializer cannot store or read (also a ValueError)
    ├── SessionError                a session cannot be used here, or holds too much (also a RuntimeError)
    ├── TokenError                  a token cannot be used here (also a RuntimeError)
    ├── DatabaseError               a database is not there, or is used in a way that cannot work
    │   ├── PoolExhaustedError      the event loop would have to wait for a connection
    │   ├── DatabaseSessionError    a session is used where it is not to be used
    │   ├── TransactionError        transactions are ended or nested in an order that they cannot have
    │   └── MigrationError          a migration cannot be made or has failed
    └── HttpError                   an answer with an HTTP status (also a tornado.web.HTTPError)
        ├── HttpBadRequestError     400
        ├── HttpUnauthorizedError   401
        ├── HttpForbiddenError      403
        ├── Http404                 404
        ├── HttpNotAllowError       405
        ├── Http500                 500
        └── HttpUnavailableError    503

The one warning, `CacheKeyWarning`, is a `RuntimeWarning`.

A message says what is wrong, where, and what to do; an error that follows from another is chained to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from tornado.web import HTTPError


class TornadopyError(Exception):
    """The root of all errors raised by tornadopy.

    .. versionadded:: 2.0
    """


class ConfigError(TornadopyError, AttributeError):
    """A setting is missing, unknown or wrong.

    It is an `AttributeError` too, so that ``hasattr(settings, name)`` and ``getattr(settings, name, default)`` work.
    """


class ArgumentError(TornadopyError, ValueError):
    """A call got an argument that it cannot use."""


class UrlError(TornadopyError):
    """A route is not one, its handler cannot be imported, or two routes share a name."""


class ServerError(TornadopyError):
    """The server cannot go on: a step was called out of order, or an address cannot be bound."""


class TemplateError(TornadopyError):
    """A template could not be found, read or compiled."""


class TemplateNotFound(TemplateError):
    """No folder of the search path holds the template."""


class TemplateSyntaxError(TemplateError):
    """A template could not be compiled; the message names its file and line.

    Attributes:
        filename: The template's file, or its name if it has none.
        lineno: The line, from 1; 0 if the engine does not tell.
    """

    filename: str = ""
    lineno: int = 0


class MissingExtraError(TornadopyError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class CancelledWorkError(TornadopyError):
    """What a hook waited for has been cancelled, though the request itself has not."""


class FlashMessageTooLarge(TornadopyError):
    """The flashed messages exceed what a cookie can hold."""


class CacheConnectionError(TornadopyError):
    """The server behind a cache cannot be reached, or does not answer within its time."""


class InvalidCacheKey(TornadopyError, ValueError):
    """A key that the server behind a cache cannot hold."""


class CacheKeyWarning(RuntimeWarning):
    """A key that some caches could not hold, though the one in use can."""


class SerializationError(TornadopyError, ValueError):
    """A value that a serializer cannot turn into bytes, or bytes that it cannot read."""


class SessionError(TornadopyError, RuntimeError):
    """A session is used before it is loaded or too late to tell the client, or holds more than it may."""


class TokenError(TornadopyError, RuntimeError):
    """A token is used before it is loaded."""


class DatabaseError(TornadopyError):
    """A database is not there, or is used in a way that cannot work."""


class PoolExhaustedError(DatabaseError):
    """All connections are out, and the event loop itself would have to wait for one."""


class DatabaseSessionError(DatabaseError):
    """A session is used where it is not to be used: by two at once, or in a thread that nobody waits for."""


class TransactionError(DatabaseError):
    """Transactions are ended or nested in an order that they cannot have."""


class MigrationError(DatabaseError):
    """A migration cannot be made, found or run."""


class HttpError(TornadopyError, HTTPError):
    """An answer with an HTTP status, raised from a handler or a hook.

    Args:
        log_message: What the log says, with ``%s`` places for *args*; shown to the client in debug mode alone.
        *args: Values for the places of *log_message*.
        **kwargs: ``reason`` replaces the reason phrase of the status line.

    Attributes:
        headers: Headers that the error page is sent with.
    """

    status: ClassVar[int] = 500
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, log_message: str | None = None, *args: Any, **kwargs: Any) -> None:
        HTTPError.__init__(self, self.status, log_message, *args, **kwargs)


class HttpBadRequestError(HttpError):
    """400 Bad Request."""

    status = 400


class HttpUnauthorizedError(HttpError):
    """401 Unauthorized: the client has to say who it is.

    Args:
        challenge: The header ``WWW-Authenticate``, which says how; see RFC 9110, section 11.6.1.
    """

    status = 401

    def __init__(self, challenge: str = "Bearer") -> None:
        super().__init__()
        self.headers = {"WWW-Authenticate": challenge}


class HttpForbiddenError(HttpError):
    """403 Forbidden."""

    status = 403


class Http404(HttpError):
    """404 Not Found."""

    status = 404


class HttpNotAllowError(HttpError):
    """405 Method Not Allowed."""

    status = 405


class Http500(HttpError):
    """500 Internal Server Error."""

    status = 500


class HttpUnavailableError(HttpError):
    """503 Service Unavailable."""

    status = 503
