"""Streams of requests for the fuzz tests: what is sent, what the answers are to be, and an application that gives them.

Everything follows from a seed.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import struct
from dataclasses import dataclass, field
from typing import Any

import tornado.web
import tornado.websocket

METHODS = ("POST", "PUT", "PATCH", "DELETE")


def digest(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()[:16]}".encode()


@dataclass
class Expected:
    """What one answer is to be."""

    status: int
    body: bytes | None = None  # None: as the server's error page has it
    is_head: bool = False
    interim: bool = False


@dataclass
class Stream:
    """Bytes to send on one connection, and what is to come back."""

    sent: bytes = b""
    expected: list[Expected] = field(default_factory=list)
    tail: bytes = b""  # what comes after the last answer, on an upgraded connection


# The application


class Echo(tornado.web.RequestHandler):
    """Answer with length and digest of the body."""

    def get(self) -> None:
        self.finish(digest(self.request.body))

    head = post = put = patch = delete = get


class Streaming(tornado.web.RequestHandler):
    """The same for a body that is streamed."""

    seen = b""

    def prepare(self) -> None:
        self.seen = b""

    async def post(self) -> None:
        await asyncio_sleep()
        self.write(digest(self.seen))


@tornado.web.stream_request_body
class SyncUpload(Streaming):
    def data_received(self, chunk: bytes) -> None:
        self.seen += chunk


@tornado.web.stream_request_body
class AsyncUpload(Streaming):
    async def prepare(self) -> None:  # type: ignore[override]
        self.seen = b""
        await asyncio_sleep()

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        await asyncio_sleep()
        self.seen += chunk


class Chunks(tornado.web.RequestHandler):
    """Answer in pieces."""

    async def get(self) -> None:
        for number in range(3):
            self.write(f"piece {number};")
            await self.flush()
            await asyncio_sleep()

    head = get


class Status(tornado.web.RequestHandler):
    """Answer with a status that the path gives."""

    def get(self, status: str) -> None:
        if status == "304":
            self.set_header("Etag", '"x"')
        if int(status) >= 400:
            raise tornado.web.HTTPError(int(status))
        self.set_status(int(status))

    head = get


class Talk(tornado.websocket.WebSocketHandler):
    """Send each message back."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Smuggled(tornado.web.RequestHandler):
    """Nobody is to come here."""

    def prepare(self) -> None:
        self.application.settings["smuggled"].append(self.request.uri)


async def asyncio_sleep() -> None:
    import asyncio

    await asyncio.sleep(0)


def make_application() -> tornado.web.Application:
    return tornado.web.Application(
        [
            ("/echo.*", Echo),
            ("/sync", SyncUpload),
            ("/async", AsyncUpload),
            ("/chunks", Chunks),
            ("/status/([0-9]+)", Status),
            ("/talk", Talk),
            ("/smuggled", Smuggled),
        ],
        smuggled=[],
        log_function=lambda handler: None,
    )


# The streams


def head(method: str, target: str, version: str = "1.1", **fields: str) -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: x"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunked(rng: random.Random, body: bytes) -> bytes:
    """Return *body* in random chunks, some with extensions."""
    framed = b""
    position = 0
    while position < len(body):
        size = rng.choice([1, 2, 3, 7, 16, 100, 5000])
        piece = body[position : position + size]
        extension = rng.choice([b"", b"", b";a", b";a=b", b';a="b c"'])
        zeros = b"0" * rng.choice([0, 0, 0, 3])
        framed += zeros + (b"%x" if rng.random() < 0.5 else b"%X") % len(piece) + extension + b"\r\n" + piece + b"\r\n"
        position += len(piece)
    return framed + rng.choice([b"0", b"000", b"0;last"]) + b"\r\n\r\n"


def content(rng: random.Random) -> bytes:
    """Return a body, often one that looks like a request or like the end of one."""
    kind = rng.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return head("GET", "/smuggled") * rng.randrange(1, 3)
    if kind == 2:
        return rng.choice([b"\r\n\r\n", b"0\r\n\r\n", b"\r\n0\r\n\r\n", b"\r\n"]) * rng.randrange(1, 6)
    if kind == 3:
        return rng.randbytes(rng.choice([1, 10, 1000]))
    if kind == 4:
        return rng.randbytes(rng.choice([70_000, 5_000]))
    return b"a=b&c=d"


class Generator:
    """Makes streams from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def stream(self) -> Stream:
        """Return some pipelined requests, the last of which ends the connection."""
        stream = Stream()
        if self.rng.random() < 0.1:
            stream.sent += b"\r\n" * self.rng.randrange(1, 4)
        for _ in range(self.rng.randrange(0, 6)):
            self.rng.choice([self.get, self.get, self.upload, self.upload, self.odd])(stream)
            if self.rng.random() < 0.1:
                stream.sent += b"\r\n" * self.rng.randrange(1, 4)
        self.rng.choice([self.close, self.close, self.close, self.websocket])(stream)
        return stream

    def get(self, stream: Stream, **fields: str) -> None:
        rng = self.rng
        method = rng.choice(["GET", "GET", "HEAD"])
        target, status, body = rng.choice(
            [
                ("/echo", 200, digest(b"")),
                ("/echo?a=%20b", 200, digest(b"")),
                ("/chunks", 200, b"piece 0;piece 1;piece 2;"),
                ("/status/204", 204, b""),
                ("/status/304", 304, b""),
                ("/status/403", 403, None),
                ("/status/503", 503, None),
                ("/nothing", 404, None),
            ]
        )
        if rng.random() < 0.3:
            fields["X-Filler"] = "f" * rng.choice([1, 100, 3000])
        stream.sent += head(method, target, **fields)
        stream.expected.append(Expected(status, body, is_head=method == "HEAD"))

    def upload(self, stream: Stream, **fields: str) -> None:
        rng, body = self.rng, content(self.rng)
        target = rng.choice(["/echo", "/sync", "/async"])
        method = "POST" if target != "/echo" else rng.choice(METHODS)
        interim = bool(body) and rng.random() < 0.1
        if interim:
            fields["Expect"] = "100-continue"
        if rng.random() < 0.1:
            last = ", close" if "Connection" in fields else ""
            fields |= {"Connection": f"Upgrade{last}", "Upgrade": "h2c"}  # which nobody agrees to
        if rng.random() < 0.5:
            stream.sent += head(method, target, Content_Length=str(len(body)), **fields) + body
        else:
            interim = "Expect" in fields
            coding = rng.choice(["chunked", "Chunked"])
            stream.sent += head(method, target, Transfer_Encoding=coding, **fields) + chunked(rng, body)
        stream.expected.append(Expected(200, digest(body), interim=interim))

    def odd(self, stream: Stream) -> None:
        rng = self.rng
        kind = rng.randrange(3)
        if kind == 0:
            stream.sent += head("GET", "/echo", "1.0", Connection="keep-alive")
            stream.expected.append(Expected(200, digest(b"")))
        elif kind == 1:
            stream.sent += head("GET", "/status/403", Upgrade="websocket", Connection="Upgrade")
            stream.expected.append(Expected(403))
        else:
            stream.sent += head(rng.choice(["OTHER", "get", "M-SEARCH"]), "/echo")
            stream.expected.append(Expected(405))

    def close(self, stream: Stream) -> None:
        if self.rng.random() < 0.3:
            stream.sent += head("GET", "/echo", "1.0")
            stream.expected.append(Expected(200, digest(b"")))
        else:
            self.rng.choice([self.get, self.upload])(stream, Connection="close")

    def websocket(self, stream: Stream) -> None:
        rng = self.rng
        fields = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        stream.sent += head("GET", "/talk", Upgrade="websocket", Connection="Upgrade", **fields)
        stream.expected.append(Expected(101, b""))
        for _ in range(rng.randrange(4)):
            message = rng.choice([b"hello", head("GET", "/smuggled"), b"x" * 120])
            stream.sent += frame(1, message, b"\x01\x02\x03\x04")
            stream.tail += frame(1, message)
        stream.sent += frame(8, struct.pack("!H", 1000), b"abcd")
        stream.tail += frame(8, struct.pack("!H", 1000))


def frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """Return a frame of RFC 6455, of at most 125 bytes."""
    start = struct.pack("!BB", 0x80 | opcode, (0x80 if mask else 0) | len(payload)) + mask
    return start + (bytes(each ^ mask[index % 4] for index, each in enumerate(payload)) if mask else payload)


def cut(rng: random.Random, sent: bytes) -> list[bytes]:
    """Cut *sent* at random points; some cuts fall near line ends, where parsers change their mind."""
    points = {rng.randrange(len(sent) + 1) for _ in range(rng.choice([0, 1, 2, 4, 8, 20]))}
    if rng.random() < 0.5:
        ends = [index for index in range(len(sent)) if sent[index] == 10]
        points |= {min(len(sent), rng.choice(ends) + rng.randrange(-3, 3)) for _ in range(10)} if ends else set()
    if rng.random() < 0.1 and len(sent) < 3000:
        points = set(range(len(sent)))
    ordered = [0, *sorted(max(0, point) for point in points), len(sent)]
    return [sent[start:end] for start, end in itertools.pairwise(ordered) if start < end]


# The answers


def read_answers(received: bytes, expected: list[Expected]) -> bytes:
    """Compare what was *received* with what was *expected*; return what is left of it."""
    for number, each in enumerate(expected):
        context: Any = (number, each, received[:300])
        if each.interim:
            assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"), context
            received = received.partition(b"\r\n\r\n")[2]
        top, _, received = received.partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 %d " % each.status), (context, top)
        body, received = _split_body(top, received, each)
        if each.body is not None:
            assert body == (b"" if each.is_head else each.body), context
    return received


def _split_body(top: bytes, rest: bytes, expected: Expected) -> tuple[bytes, bytes]:
    lower = top.lower()
    if expected.is_head or expected.status in {101, 204, 304}:
        return b"", rest
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while True:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body, rest
    found = lower.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
    if not found:
        return rest, b""
    return rest[: int(found)], rest[int(found) :]
