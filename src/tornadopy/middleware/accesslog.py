"""The middleware that writes one line for each request.

It stands first in ``MIDDLEWARE_CLASSES``, so that its ``process_endcall`` comes last. Where the line goes is decided by
the configuration of the logger ``tornadopy.accesslog``. The line is that of Apache's combined log with the duration at
its end: https://httpd.apache.org/docs/2.4/logs.html#combined
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from tornadopy.utils.escaping import escape_control, escape_quoted
from tornadopy.utils.masking import mask_query

if TYPE_CHECKING:
    from tornado.web import RequestHandler

    from tornadopy.application import Application
    from tornadopy.types import Clear

__all__ = ["AccessLogMiddleware"]

_log = logging.getLogger("tornadopy.accesslog")

# English whatever the locale: programs read them.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class AccessLogMiddleware:
    """Log each request when it is answered, in the format that the setting ``ACCESS_LOG_FORMAT`` names.

    .. versionadded:: 2.0
    """

    replaces_request_log: ClassVar[bool] = True
    """Tells the application to keep silent in `log_request`: one line a request, not two."""

    def __init__(self) -> None:
        self._format: Callable[[RequestHandler], str] = LineFormat()

    def process_init(self, application: Application) -> None:
        """Choose the format."""
        conf = getattr(application, "conf", None)
        self._format = json_line if getattr(conf, "ACCESS_LOG_FORMAT", "line") == "json" else LineFormat()

    def process_endcall(self, handler: RequestHandler, clear: Clear) -> None:  # noqa: ARG002 - the hook's signature
        """Write the line."""
        if _log.isEnabledFor(logging.INFO):
            _log.handle(_record(self._format(handler)))


def _record(line: str) -> logging.LogRecord:
    # PERF: what Logger.info does besides is to look for its caller, which here is always this module.
    return _log.makeRecord(_log.name, logging.INFO, __file__, _LINE, line, (), None, "process_endcall")


_LINE = AccessLogMiddleware.process_endcall.__code__.co_firstlineno


class LineFormat:
    """``REMOTE_IP - - [time] "METHOD URI VERSION" STATUS LENGTH "REFERER" "USER-AGENT" MSms``.

    Quotes, backslashes and control characters of the client are escaped. The time is the one of the answer, in local
    time with its offset from UTC. It is put together once a second, which is why this is an object.

    .. versionadded:: 2.0
    """

    def __init__(self) -> None:
        self._second = -1
        self._stamp = ""

    def __call__(self, handler: RequestHandler) -> str:
        """Return the line for the request of *handler*."""
        request = handler.request
        length = response_length(handler)
        target = escape_quoted(f"{request.method} {_shown(request.uri) or '-'} {request.version}")
        return (
            f"{escape_control(request.remote_ip or '-')} - - [{self._time()}] "
            f'"{target}" {handler.get_status()} {"-" if length is None else length} '
            f'"{escape_quoted(_shown(request.headers.get("Referer")) or "-")}" '
            f'"{escape_quoted(request.headers.get("User-Agent") or "-")}" {request.request_time() * 1000:.2f}ms'
        )

    def _time(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second = second
            at = time.localtime(second)
            self._stamp = f"{at.tm_mday:02d}/{_MONTHS[at.tm_mon - 1]}/{time.strftime('%Y:%H:%M:%S %z', at)}"
        return self._stamp


def json_line(handler: RequestHandler) -> str:
    """Return one JSON object, in ASCII and without line breaks, for the request of *handler*.

    ``request_id`` is left out where the request was given none; ``referer``, ``user_agent`` and ``length`` are null
    where they are unknown.

    .. versionadded:: 2.0
    """
    request = handler.request
    line: dict[str, object] = {
        "remote_ip": request.remote_ip,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": request.method,
        "uri": _shown(request.uri),
        "version": request.version,
        "status": handler.get_status(),
        "length": response_length(handler),
        "referer": _shown(request.headers.get("Referer")),
        "user_agent": request.headers.get("User-Agent"),
        "duration_ms": round(request.request_time() * 1000, 2),
    }
    request_id = getattr(getattr(handler, "context", None), "request_id_if_known", None)
    if request_id is not None:
        line["request_id"] = request_id
    # JSON lets the control character DEL stand as it is.
    return json.dumps(line, separators=(",", ":")).replace("\x7f", "\\u007f")


def response_length(handler: RequestHandler) -> int | None:
    """Return the bytes of the response body that were sent, None where that cannot be known.

    .. versionadded:: 2.0
    """
    length: int | None = getattr(handler, "response_length", None)
    if length is not None:
        return length
    status = handler.get_status()
    if handler.request.method == "HEAD" or status in {204, 304} or 100 <= status < 200:
        return 0
    # A handler that counts nothing. NOTE: Tornado has no public way to read a response header back.
    declared = str(handler._headers.get("Content-Length", ""))
    return int(declared) if declared.isdecimal() else None


def _shown(url: str | None) -> str | None:
    """Return *url* with the values of secret arguments masked; a token in an address must not end in a log."""
    return None if url is None else mask_query(url)
