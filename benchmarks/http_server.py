"""What tornadopy's HTTP server costs beside Tornado's: the same plain Tornado application on both, as ratios.

    python benchmarks/http_server.py
    python benchmarks/http_server.py --case delegate --rounds 200

Nothing of tornadopy but the server takes part. Each is measured on asyncio's loop and on uvloop's, and compared to
Tornado's on the same loop. How it measures is told in ``benchmarks/README.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import overhead
import tornado.httpserver
import tornado.web
import uvloop
from overhead_variants import BODY
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    ResponseStartLine,
)

import tornadopy.server

SERVERS = {"stock": tornado.httpserver.HTTPServer, "own": tornadopy.server.HTTPServer}
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
VARIANTS = [f"{server}-{loop}" for loop in LOOPS for server in SERVERS]

POST = (
    b"POST /json HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1024\r\n\r\n"
    + b"1" * 1024
)
BROWSER = (
    b"GET /json?page=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n"
    b'Sec-Ch-Ua: "Chromium";v="128"\r\nSec-Ch-Ua-Mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n"
    b"Accept-Encoding: identity\r\nAccept-Language: en-GB,en;q=0.9\r\nX-Number: %d\r\n\r\n"
)


class Json(tornado.web.RequestHandler):
    """The handler of a plain Tornado application."""

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(BODY)

    post = get


class Constant(HTTPServerConnectionDelegate):
    """The least that can be done with a server: one answer, without a framework."""

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:  # noqa: ARG002
        return ConstantAnswer(request_conn)


class ConstantAnswer(HTTPMessageDelegate):
    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def finish(self) -> None:
        headers = HTTPHeaders({"Content-Length": str(len(BODY))})
        self._connection.write_headers(ResponseStartLine("", 200, "OK"), headers, BODY)
        self._connection.finish()


class Client(overhead.Client):
    """A client whose requests may carry a number that is never the same."""

    _numbers = itertools.count()

    def _next(self) -> bytes:
        return self._request % next(self._numbers) if b"%d" in self._request else self._request


@dataclass(frozen=True)
class Case:
    """What is measured: its name, the request, and what is served."""

    name: str
    request: bytes
    application: Any


CASES = {
    "handler": Case("plain Tornado handler, the same headers each time", overhead.REQUEST, "handler"),
    "headers": Case("plain Tornado handler, 12 headers that change", BROWSER, "handler"),
    "post": Case("plain Tornado handler, POST of 1 KiB", POST, "handler"),
    "delegate": Case("constant answer, no framework", overhead.REQUEST, "delegate"),
}


def application(kind: str) -> HTTPServerConnectionDelegate:
    """Return what is served."""
    if kind == "delegate":
        return Constant()
    return tornado.web.Application([("/json", Json)], log_function=lambda _handler: None)


def measure(case: Case, options: argparse.Namespace, cores: Sequence[int]) -> dict[str, overhead.Figures]:
    """Let the variants take turns."""
    results = {variant: overhead.Figures() for variant in VARIANTS}
    core = cores[0] if len(cores) > 1 else None
    deadline = time.monotonic() + options.seconds
    with ExitStack() as stack:
        running = {}
        for variant in VARIANTS:
            server = stack.enter_context(overhead.Server(f"{variant}-{case.application}", core, script=__file__))
            client = stack.enter_context(Client(server.port, options.connections, case.request))
            client.run(options.requests)  # warm up
            running[variant] = server, client
        for number in overhead.progress(options.rounds):
            turn = number % len(VARIANTS)
            for variant in VARIANTS[turn:] + VARIANTS[:turn]:
                server, client = running[variant]
                before = server.cpu_seconds()
                seconds = client.run(options.requests)
                results[variant].cpu.append((server.cpu_seconds() - before) / options.requests * 1e6)
                results[variant].rate.append(options.requests / seconds)
            if time.monotonic() > deadline:
                break
    return results


def print_table(case: Case, results: dict[str, overhead.Figures]) -> None:
    """Print the figures for people."""
    print(f"\n{case.name}\n{'':<20}{'CPU µs':>8}{'quiet':>8}{'req/s':>8}{'times':>8}{'quiet':>8}")
    for variant, figures in results.items():
        baseline = results[f"stock-{variant.partition('-')[2]}"]
        over = overhead.ratio(baseline, figures)
        print(
            f"{variant:<20}{statistics.median(figures.cpu):>8.1f}{overhead.quiet(figures.cpu):>8.1f}"
            f"{statistics.median(figures.rate):>8.0f}{over.median:>8.2f}{over.quiet:>8.2f}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; or, in a process of its own, serve."""
    parser = argparse.ArgumentParser(description="Measure tornadopy's HTTP server beside Tornado's.")
    parser.add_argument("--case", choices=list(CASES), action="append", help="all, if none is named")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=400, help="of each variant in each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each case; no new round begins after this time")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.serve, options.core)
        return
    cores = overhead.usable_cores()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    for name in options.case or CASES:
        print_table(CASES[name], measure(CASES[name], options, cores))


def serve(variant: str, core: int | None) -> None:
    """Serve one variant."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    server, loop, kind = variant.split("-")

    async def start() -> None:
        await overhead.serve(SERVERS[server](application(kind)))

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(start())


if __name__ == "__main__":
    main()
