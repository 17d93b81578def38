"""The list of cases that every framework goes through: what is asked, what has to be answered.

A request is numbered: its number stands in its headers, and in the answer where that depends on the request. So no two
requests of a run are the same, and an answer that belongs to another request is a wrong one.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from peers.site import ANSWER, ITEMS, TEXT

MARK = b"\0"
FIRST = 10_000_000
"""The number of the first request: all have eight digits, and so one length."""

KIBIBYTE = 1024
MEBIBYTE = 1024**2
STATIC = b"".join(b".rule-%04d { color: #%06x; margin: 0 }\n" % (line, line * 4099) for line in range(400))


class Numbered:
    """Bytes with a number in some places.

    Args:
        pattern: The bytes, with `MARK` in place of the number.
    """

    def __init__(self, pattern: bytes) -> None:
        self._pieces = pattern.split(MARK)

    def __call__(self, number: bytes) -> bytes:
        """Return the bytes with *number* in them."""
        return number.join(self._pieces)


@dataclass(frozen=True)
class Case:
    """Something that is measured.

    Attributes:
        name: For the command line.
        title: For people.
        site: The key of the site in `SITES`.
    """

    name: str
    title: str
    site: str = "whole"


@dataclass(frozen=True)
class LoadCase(Case):
    """Requests over keep-alive connections.

    Attributes:
        request: What is sent.
        answers: Return the bodies that are right for a number; more than one where JSON may be written in more than
            one way.
        content_type: How the answer's type begins.
        connections: How many.
        pipeline: How many requests are sent at once on each.
        base: The case whose cost this one's is compared to, within each framework.
    """

    request: Numbered = field(kw_only=True)
    answers: tuple[Callable[[bytes], bytes], ...] = field(kw_only=True)
    content_type: str = field(kw_only=True)
    connections: int = 16
    pipeline: int = 1
    base: LoadCase | None = None


@dataclass(frozen=True)
class IdleCase(Case):
    """The memory of many connections that are open and silent.

    Attributes:
        websocket: They are WebSockets; else each has had one request answered.
    """

    websocket: bool = field(kw_only=True)


@dataclass(frozen=True)
class StartCase(Case):
    """The time from the start of the process to its first answer."""


SITES: Mapping[str, dict[str, Any]] = {
    "whole": {},
    "logged": {"access_log": True},
    "middlewares": {"middlewares": True},
    "routes-1": {"routes": 1},
    "routes-100": {"routes": 100},
    "routes-1000": {"routes": 1000},
    "routes-10000": {"routes": 10_000},
}

_USUAL = (
    "Host: 127.0.0.1\r\nUser-Agent: bench/1.0\r\nAccept: application/json\r\n"
    "traceparent: 00-4bf92f3577b34da6a3ce929d\0-00f067aa0ba902b7-01\r\n"
)
_BROWSER = (
    "Host: 127.0.0.1\r\nConnection: keep-alive\r\n"
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n'
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.\0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nReferer: http://127.0.0.1/list?page=\0\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: theme=dark; session=5f1c\0ab; seen=\0\r\n"
)


def get(path: str, headers: str = _USUAL) -> Numbered:
    """Return a GET request."""
    return Numbered(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())


def post(path: str, body: bytes, content_type: str) -> Numbered:
    """Return a POST request."""
    length = len(Numbered(body)(b"%d" % FIRST))
    head = f"POST {path} HTTP/1.1\r\n{_USUAL}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    return Numbered(head.encode() + body)


def text(pattern: str) -> dict[str, Any]:
    """Return the fields of a case that is answered with plain text."""
    return {"answers": (Numbered(pattern.encode()),), "content_type": "text/plain"}


def json_value(value: Any) -> dict[str, Any]:
    """Return the fields of a case that is answered with JSON; the string ``"NUMBER"`` in *value* is the number."""
    spellings = (json.dumps(value), json.dumps(value, separators=(",", ":")))
    patterns = (each.replace('"NUMBER"', "\0").encode() for each in spellings)
    return {"answers": tuple(Numbered(each) for each in patterns), "content_type": "application/json"}


def order_body() -> bytes:
    """Return an order of one KiB."""
    items = [{"name": f"Teapot no. {number}", "price": 10 + number} for number in range(15)]
    value = {"id": "NUMBER", "note": "", "items": items}
    missing = KIBIBYTE - len(json.dumps(value).replace('"NUMBER"', "n" * 8))
    return json.dumps({**value, "note": "x" * missing}).replace('"NUMBER"', "\0").encode()


def upload_body() -> bytes:
    """Return a file of one MiB that ends with the number."""
    line = bytes(range(32, 96))
    return line * ((MEBIBYTE - 8) // len(line)) + b"-" * ((MEBIBYTE - 8) % len(line)) + MARK


def page_body() -> str:
    """Return the page that every template engine has to make."""
    items = "".join(f"<li>{html.escape(str(each['name']))}: {each['price']}</li>" for each in ITEMS)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><title>Page \0</title></head>\n'
        f"<body><h1>Page \0</h1><ul>{items}</ul></body></html>"
    )


_JSON = {"request": get("/json"), **json_value(ANSWER)}
_LAST = {"request": get("/last/\0"), **text("item \0")}

_PLAIN = LoadCase("json", "JSON", **_JSON)
_ONLY = LoadCase("routes-1", "The only route", "routes-1", **_LAST)

CASES: tuple[Case, ...] = (
    _PLAIN,
    LoadCase("text", "Plain text", request=get("/text"), **text(TEXT)),
    LoadCase(
        "headers",
        "12 headers of a browser that change with each request",
        request=get("/headers", _BROWSER),
        **text("http://127.0.0.1/list?page=\0"),
    ),
    LoadCase("query", "One query argument", request=get("/query?page=\0"), **text("page \0")),
    LoadCase("path", "An argument in the path", request=get("/item/\0"), **text("item \0")),
    LoadCase(
        "post",
        "POST of 1 KiB of JSON",
        request=post("/order", order_body(), "application/json"),
        **json_value({"id": "NUMBER", "count": 15}),
    ),
    LoadCase(
        "upload",
        "Upload of 1 MiB",
        request=post("/upload", upload_body(), "application/octet-stream"),
        **text(f"{MEBIBYTE} \0"),
    ),
    LoadCase(
        "template",
        "A page from a template",
        request=get("/page?number=\0"),
        answers=(Numbered(page_body().encode()),),
        content_type="text/html",
    ),
    LoadCase(
        "static",
        f"A static file of {len(STATIC) / KIBIBYTE:.0f} KiB",
        request=get("/static/site.css"),
        answers=(Numbered(STATIC),),
        content_type="text/css",
    ),
    LoadCase("access-log", "JSON, the access log on", "logged", base=_PLAIN, **_JSON),
    LoadCase("middlewares", "JSON, three small middlewares", "middlewares", base=_PLAIN, **_JSON),
    _ONLY,
    LoadCase("routes-100", "The last of 100 routes", "routes-100", base=_ONLY, **_LAST),
    LoadCase("routes-1000", "The last of 1,000 routes", "routes-1000", base=_ONLY, **_LAST),
    LoadCase("routes-10000", "The last of 10,000 routes", "routes-10000", base=_ONLY, **_LAST),
    LoadCase("connections-64", "JSON over 64 connections", connections=64, base=_PLAIN, **_JSON),
    LoadCase("connections-1024", "JSON over 1,024 connections", connections=1024, base=_PLAIN, **_JSON),
    LoadCase("pipelining", "JSON, 16 requests pipelined", pipeline=16, base=_PLAIN, **_JSON),
    IdleCase("idle-keep-alive", "Memory of idle keep-alive connections", websocket=False),
    IdleCase("idle-websocket", "Memory of idle WebSocket connections", websocket=True),
    StartCase("start-up", "Start-up"),
)
