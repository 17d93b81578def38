"""What `handlers.py` asks, and the applications that answer: by plain Tornado first, then by tornadopy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from overhead_variants import ANSWER, BODY, MIDDLEWARES, log_to_nowhere, no_log
from tornado.web import Application as TornadoApplication
from tornado.web import RequestHandler

from tornadopy.application import Application
from tornadopy.conf import settings
from tornadopy.handler import ApiHandler, WebHandler

TEXT = "Hello, World!"
TORNADO = "plain Tornado"
TORNADOPY = "tornadopy"

Make = Callable[[], TornadoApplication]


@dataclass(frozen=True)
class Case:
    """A request, its answer, and who gives it.

    Attributes:
        name: What people call it.
        variants: The applications; the first is what the others are compared to.
        answer: The body of the answer, or JSON that means the same.
        target, method, headers, body: The request.
    """

    name: str
    variants: Mapping[str, Make]
    answer: bytes
    target: str = "/?page=1"
    method: str = "GET"
    headers: str = ""
    body: bytes = b""


class Json:
    def get(self: Any) -> None:
        self.write(ANSWER)


class AsyncJson:
    async def get(self: Any) -> None:
        self.write(ANSWER)


class Text:
    def get(self: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.write(TEXT)


class Argument:
    def get(self: Any) -> None:
        self.write({"page": self.get_argument("page")})


class Cookie:
    def get(self: Any) -> None:
        self.set_cookie("seen", "1")
        self.write({"user": self.get_cookie("user")})


class Echo:
    def post(self: Any) -> None:
        self.write(json.loads(self.request.body))


class Api(ApiHandler):
    def get(self, *_args: str) -> None:
        self.write_api(ANSWER)


def on(behaviour: type, *, log: bool = False) -> dict[str, Make]:
    """Return the applications of both sides whose handler behaves like *behaviour*."""
    tornados: Any = type(behaviour.__name__, (behaviour, RequestHandler), {})
    ours: Any = type(behaviour.__name__, (behaviour, WebHandler), {})

    def plain() -> TornadoApplication:
        if not log:
            return TornadoApplication([("/", tornados)], log_function=no_log)
        log_to_nowhere("tornado.access")
        return TornadoApplication([("/", tornados)])

    def tornadopy() -> TornadoApplication:
        if not log:
            return Application([("/", ours)], middlewares=(), log_function=no_log)
        log_to_nowhere("tornadopy.accesslog")
        return Application([("/", ours)], middlewares=["tornadopy.middleware.accesslog.AccessLogMiddleware"])

    return {TORNADO: plain, TORNADOPY: tornadopy}


def with_more(behaviour: type) -> dict[str, Make]:
    """Return the applications of both sides, and others of tornadopy's."""
    ours: Any = type(behaviour.__name__, (behaviour, WebHandler), {})
    return {
        **on(behaviour),
        "three middlewares": lambda: Application([("/", ours)], middlewares=MIDDLEWARES, log_function=no_log),
        "write_api": lambda: Application([("/", Api)], middlewares=(), log_function=no_log),
    }


def with_orjson(behaviour: type) -> dict[str, Make]:
    """Return the applications of both sides, tornadopy's with ``JSON_ENCODER``."""
    ours: Any = type(behaviour.__name__, (behaviour, WebHandler), {})

    def fast() -> TornadoApplication:
        with settings.override(JSON_ENCODER="tornadopy.fastjson.encode"):
            return Application([("/", ours)], middlewares=(), log_function=no_log)

    return {TORNADO: on(behaviour)[TORNADO], "orjson": fast}


POSTED = json.dumps({"items": [{"id": number, "name": f"item {number}"} for number in range(32)]}).encode()

CASES = (
    Case("JSON", with_more(Json), BODY),
    Case("JSON, async def", on(AsyncJson), BODY),
    Case("JSON by orjson", with_orjson(Json), BODY),
    Case("text", on(Text), TEXT.encode()),
    Case("query argument", on(Argument), b'{"page": "1"}'),
    Case("cookies", on(Cookie), b'{"user": "ada"}', headers="Cookie: user=ada; other=1\r\n"),
    Case(
        "JSON body",
        on(Echo),
        POSTED,
        method="POST",
        headers=f"Content-Type: application/json\r\nContent-Length: {len(POSTED)}\r\n",
        body=POSTED,
    ),
    Case("access log", on(Json, log=True), BODY),
)
