"""What `overhead.py` serves: one JSON handler by plain Tornado and by tornadopy, with and without middlewares."""

# ruff: noqa: ARG002 - hooks have the signatures that the pipeline calls

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from tornadopy.application import Application
from tornadopy.handler import WebHandler

ANSWER = {"message": "Hello, World!", "numbers": [1, 2, 3], "nested": {"key": "value"}}
BODY = json.dumps(ANSWER).replace("</", "<\\/").encode()

BASELINE = "tornado"


class TornadoJson(RequestHandler):
    """The handler, on Tornado's base class."""

    def get(self) -> None:
        """Answer."""
        self.write(ANSWER)


class TornadopyJson(WebHandler):
    """The same handler, on tornadopy's base class."""

    def get(self) -> None:
        """Answer."""
        self.write(ANSWER)


class HeaderMiddleware:
    """Put a header into each answer."""

    def process_request(self, handler: Any, clear: Callable[[], None]) -> None:
        """Look at a header of the request."""
        handler.wants_json = handler.request.headers.get("Accept") == "application/json"

    def process_response(self, handler: Any, clear: Callable[[], None], chunk: list[bytes]) -> None:
        """Set the header."""
        handler.set_header("X-Frame-Options", "DENY")

    def process_endcall(self, handler: Any, clear: Callable[[], None]) -> None:
        """Forget."""
        handler.wants_json = False


class CountMiddleware:
    """Count requests and bytes."""

    def __init__(self) -> None:
        self.begun = self.ended = self.sent = 0

    def process_request(self, handler: Any, clear: Callable[[], None]) -> None:
        """Count a request."""
        self.begun += 1

    def process_response(self, handler: Any, clear: Callable[[], None], chunk: list[bytes]) -> None:
        """Count its bytes."""
        self.sent += sum(map(len, chunk))

    def process_endcall(self, handler: Any, clear: Callable[[], None]) -> None:
        """Count its end."""
        self.ended += 1


class TimeMiddleware:
    """Time requests."""

    def __init__(self) -> None:
        self.total = 0.0

    def process_request(self, handler: Any, clear: Callable[[], None]) -> None:
        """Note the time."""
        handler.began = time.perf_counter()

    def process_response(self, handler: Any, clear: Callable[[], None], chunk: list[bytes]) -> None:
        """Say how long the handler took."""
        handler.took = time.perf_counter() - handler.began

    def process_endcall(self, handler: Any, clear: Callable[[], None]) -> None:
        """Add it up."""
        self.total += handler.took


MIDDLEWARES = (HeaderMiddleware, CountMiddleware, TimeMiddleware)


def no_log(handler: RequestHandler) -> None:
    """Log nothing."""


def log_to_nowhere(name: str) -> None:
    """Let the access log *name* write lines that nobody keeps."""
    handler = logging.StreamHandler(Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False


def plain() -> TornadoApplication:
    """Return Tornado's application."""
    return TornadoApplication([("/json", TornadoJson)], log_function=no_log)


def bare() -> TornadoApplication:
    """Return tornadopy's application, without middlewares."""
    return Application([("/json", TornadopyJson)], middlewares=(), log_function=no_log)


def adapted() -> TornadoApplication:
    """Return tornadopy's application with a handler that is Tornado's."""
    return Application([("/json", TornadoJson)], middlewares=(), log_function=no_log)


def three() -> TornadoApplication:
    """Return tornadopy's application with three middlewares."""
    return Application([("/json", TornadopyJson)], middlewares=MIDDLEWARES, log_function=no_log)


def plain_logged() -> TornadoApplication:
    """Return Tornado's application with its access log."""
    log_to_nowhere("tornado.access")
    return TornadoApplication([("/json", TornadoJson)])


def logged() -> TornadoApplication:
    """Return tornadopy's application with its access log."""
    log_to_nowhere("tornadopy.accesslog")
    return Application([("/json", TornadopyJson)], middlewares=["tornadopy.middleware.accesslog.AccessLogMiddleware"])


def routed(count: int) -> TornadoApplication:
    """Return tornadopy's application with *count* routes: one that is measured, and as many before it as that takes."""
    half = (count - 1) // 2
    others = [
        *((f"/page{number}", TornadopyJson) for number in range(half)),
        *((rf"/shop{number}/(\w+)", TornadopyJson) for number in range(count - 1 - half)),
    ]
    return Application([*others, ("/json", TornadopyJson)], middlewares=(), log_function=no_log)


VARIANTS: dict[str, tuple[str, Callable[[], TornadoApplication]]] = {
    BASELINE: ("plain Tornado", plain),
    "none": ("tornadopy, no middleware", bare),
    "adapted": ("tornadopy, Tornado's own handler class", adapted),
    "three": ("tornadopy, three synchronous middlewares", three),
    "tornado-log": ("plain Tornado, its access log", plain_logged),
    "log": ("tornadopy, AccessLogMiddleware", logged),
    "routes-1000": ("tornadopy, the last of 1,000 routes", partial(routed, 1000)),
    "routes-10000": ("tornadopy, the last of 10,000 routes", partial(routed, 10_000)),
}
DEFAULT = ("tornado", "none", "adapted", "three")
LOGGED = ("tornado-log", "log")
ROUTED = ("routes-1000", "routes-10000")
BASELINES = {"log": "tornado-log", "routes-1000": "none", "routes-10000": "none"}
