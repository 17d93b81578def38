"""Headers that tell browsers what the pages may do; COMMON_MODULES names the module."""

from typing import Any

from tornado.web import RequestHandler
from tornadopy.httpmodule import BaseHttpModule


class SecurityHeaders(BaseHttpModule):
    """Lets pages load nothing from elsewhere, and be shown in no other site's frame."""

    def begin_response(self, handler: RequestHandler, clear: Any, chunk: list[Any]) -> None:
        """Add the headers; the error page of debug mode has its style in itself, so it is left alone."""
        if handler.get_status() < 400:
            policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'"
            handler.set_header("Content-Security-Policy", policy)
        handler.set_header("X-Content-Type-Options", "nosniff")
        handler.set_header("Referrer-Policy", "same-origin")
