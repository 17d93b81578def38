"""Says in a header how long a request took."""

from typing import Any

from tornado.web import RequestHandler


class TimingMiddleware:
    """Adds Server-Timing, which browsers show in their developer tools."""

    def process_response(self, handler: RequestHandler, clear: Any, chunk: list[Any]) -> None:
        """Add the header before the response goes out."""
        handler.set_header("Server-Timing", f"app;dur={handler.request.request_time() * 1000:.2f}")
