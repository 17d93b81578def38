"""What sessions cost: one JSON handler with and without them, in memory and on Redis, as ratios within one run.

    python benchmarks/sessions.py
    python benchmarks/sessions.py --rounds 200 --json sessions.json

It measures as `overhead.py` does, which see: processes of their own that take turns, the CPU time that a server uses
for a request. Each connection has a session of its own. The variants on Redis need ``redis-server``, which is started
here; its own time is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from overhead import START_SECONDS, Figures, Server, machine, progress, quiet, ratio, usable_cores
from overhead_variants import ANSWER, BODY, no_log
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.handler import WebHandler

IDLE_SECONDS = 10.0
BASELINE = "without"
CACHES = {
    "memory": "tornadopy.cache.backends.localcache.LocMemCache",
    "redis": "tornadopy.cache.backends.rediscache.RedisCache",
}
USES = {
    "no-cookie": "no cookie, session left alone",
    "cookie": "with a session, left alone",
    "read": "with a session, read",
    "write": "with a session, written",
}
VARIANTS = [BASELINE, *(f"{cache}:{use}" for cache in CACHES for use in USES)]


class Page(WebHandler):
    """Answer, with what the path says of the session."""

    count = 0

    def get(self, use: str) -> None:
        """Answer."""
        if use == "read":
            self.session["count"]
        elif use == "write":
            Page.count += 1
            self.session["count"] = Page.count
        self.write(ANSWER)


def application(cache: str | None, redis_port: int) -> Application:
    """Return the application with sessions in *cache*, or without the middleware."""
    caches = {
        "memory": {"BACKEND": CACHES["memory"], "OPTIONS": {"MAX_ENTRIES": 10_000}},
        "redis": {"BACKEND": CACHES["redis"], "LOCATION": f"127.0.0.1:{redis_port}"},
    }
    conf = Settings(
        CACHES={"default": caches[cache or "memory"]},
        SESSION={"secret_key": "the-secret-of-a-benchmark", "expires": 3600},
        MIDDLEWARE_CLASSES=["tornadopy.middleware.session.SessionMiddleware"] if cache else [],
    )
    return Application([("/(.*)", Page)], conf=conf, log_function=no_log)


async def serve(variant: str, redis_port: int) -> None:
    """Serve *variant*; answer each line of standard input with the CPU seconds used so far; end with it."""
    sockets = bind_sockets(0, "127.0.0.1")
    cache, _, _ = variant.rpartition(":")
    server = HTTPServer(application(cache or None, redis_port))
    server.add_sockets(sockets)
    ended = asyncio.Event()

    def answer() -> None:
        if not sys.stdin.readline():
            ended.set()
            return
        print(time.process_time(), flush=True)

    asyncio.get_running_loop().add_reader(sys.stdin, answer)
    print(sockets[0].getsockname()[1], flush=True)
    await ended.wait()


@contextmanager
def redis_server() -> Iterator[int]:
    """Run a Redis; give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit("redis-server did not start")


# The load


@dataclass
class Connection:
    """A keep-alive connection with its own session.

    Attributes:
        socket: The connection.
        request: What is sent, over and over.
        received: What has come of the answer.
        sent_at: When the request went out.
    """

    socket: socket.socket
    request: bytes = b""
    received: bytes = b""
    sent_at: float = 0.0

    def send(self) -> None:
        """Send the request."""
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.request)

    def receive(self) -> bytes | None:
        """Return the head of the answer if it is complete."""
        new = self.socket.recv(65536)
        if not new:
            raise SystemExit("the server has closed a connection")
        self.received += new
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < len(BODY):
            return None
        if body != BODY or not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"a wrong answer: {self.received[:2000]!r}")
        self.received = b""
        return head


class Client:
    """Send requests over keep-alive connections, one at a time on each, and check every answer.

    Args:
        port: Of the server.
        use: What is to be done with the session.
        connections: How many.
    """

    def __init__(self, port: int, use: str, connections: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._connections: list[Connection] = []
        for _ in range(connections):
            connection = Connection(socket.create_connection(("127.0.0.1", port)))
            connection.socket.settimeout(IDLE_SECONDS)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            cookie = b"" if use in {BASELINE, "no-cookie"} else self._begin(connection)
            connection.request = _request(use, cookie)
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
            self._connections.append(connection)

    def _begin(self, connection: Connection) -> bytes:
        """Begin a session; return its cookie."""
        connection.request = _request("write", b"")
        connection.send()
        while (head := connection.receive()) is None:
            pass
        line = next(line for line in head.split(b"\r\n") if line.startswith(b"Set-Cookie: "))
        return line.removeprefix(b"Set-Cookie: ").partition(b";")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for connection in self._connections:
            connection.socket.close()
        self._selector.close()

    def run(self, requests: int) -> tuple[float, list[float]]:
        """Send *requests* requests; return the seconds from the first to the last answer, and those of each."""
        started = time.perf_counter()
        waits: list[float] = []
        first = self._connections[:requests]
        for connection in first:
            connection.send()
        sent = len(first)
        while len(waits) < requests:
            ready = self._selector.select(IDLE_SECONDS)
            if not ready:
                raise SystemExit(f"no answer within {IDLE_SECONDS:g} s; {len(waits)} of {requests} had come")
            for key, _ in ready:
                connection = key.data
                if connection.receive() is None:
                    continue
                waits.append(time.perf_counter() - connection.sent_at)
                if sent < requests:
                    connection.send()
                    sent += 1
        return time.perf_counter() - started, waits


def _request(use: str, cookie: bytes) -> bytes:
    lines = [b"GET /%s HTTP/1.1" % use.encode(), b"Host: 127.0.0.1", b"Accept: application/json"]
    lines += [b"Cookie: theme=dark; " + cookie] if cookie else [b"Cookie: theme=dark"]
    return b"\r\n".join([*lines, b"", b""])


# What comes out


@dataclass
class Timed(Figures):
    """Figures with latencies.

    Attributes:
        p99: Milliseconds that 99 of 100 requests of a round have waited at most.
    """

    p99: list[float] = field(default_factory=list)


def measure(options: argparse.Namespace, variants: Sequence[str], redis_port: int) -> dict[str, Timed]:
    """Let the *variants* take turns until all rounds are through or the time is up."""
    deadline = time.monotonic() + options.seconds
    cores = usable_cores()
    server_core = None
    if len(cores) > 1:
        server_core = cores[0]
        os.sched_setaffinity(0, set(cores[1:]))
    results = {variant: Timed() for variant in variants}
    more = ["--redis-port", str(redis_port)]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(Server(variant, server_core, script=__file__, options=more)) for variant in variants
        ]
        clients = {
            each: stack.enter_context(Client(each.port, each.variant.rpartition(":")[2], options.connections))
            for each in servers
        }
        for server in servers:
            clients[server].run(options.requests)  # warm up
        for _ in progress(options.rounds):
            # In any order: who comes after a variant that waits for Redis finds a quieter machine than others.
            for server in random.sample(servers, len(servers)):
                before = server.cpu_seconds()
                seconds, waits = clients[server].run(options.requests)
                used = server.cpu_seconds() - before
                figures = results[server.variant]
                figures.cpu.append(used / options.requests * 1e6)
                figures.rate.append(options.requests / seconds)
                figures.p99.append(sorted(waits)[max(int(len(waits) * 0.99) - 1, 0)] * 1e3)
            if time.monotonic() > deadline:
                break
    return results


def summary(results: dict[str, Timed]) -> dict[str, dict[str, Any]]:
    """Return medians and ratios of each variant."""
    lines: dict[str, dict[str, Any]] = {}
    for variant, figures in results.items():
        over = ratio(figures, results[BASELINE])
        cache, _, use = variant.rpartition(":")
        lines[variant] = {
            "name": f"{cache}: {USES[use]}" if cache else "without the middleware",
            "cpu_us": round(statistics.median(figures.cpu), 2),
            "cpu_us_quiet": round(quiet(figures.cpu), 2),
            "requests_per_second": round(statistics.median(figures.rate)),
            "p99_ms": round(statistics.median(figures.p99), 2),
            "ratio": round(over.median, 4),
            "ratio_quiet": round(over.quiet, 4),
            "ratio_quartiles": [round(over.lower, 4), round(over.upper, 4)],
            "cpu_us_rounds": [round(each, 2) for each in figures.cpu],
        }
    return lines


def print_table(lines: dict[str, dict[str, Any]]) -> None:
    """Print the figures for people."""
    print(
        f"{'':<42}{'CPU µs':>8}{'quiet':>8}{'req/s':>8}{'p99 ms':>8}{'ratio':>8}{'quiet':>8}   quartiles of the ratio"
    )
    for line in lines.values():
        lower, upper = line["ratio_quartiles"]
        print(
            f"{line['name']:<42}{line['cpu_us']:>8.1f}{line['cpu_us_quiet']:>8.1f}{line['requests_per_second']:>8}"
            f"{line['p99_ms']:>8.2f}{line['ratio']:>8.3f}{line['ratio_quiet']:>8.3f}   {lower:.3f} to {upper:.3f}"
        )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure what sessions cost.")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--requests", type=int, default=400, help="of each variant in each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=150.0, help="no new round begins after this time")
    parser.add_argument(
        "--only", action="append", choices=VARIANTS[1:], help="measure this variant, and others so named"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument("--serve", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--redis-port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for name in ("rounds", "requests", "connections"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; or, in a process of its own, serve."""
    options = parse(arguments)
    if options.serve:
        if options.core is not None:
            os.sched_setaffinity(0, {options.core})
        asyncio.run(serve(options.serve, options.redis_port))
        return
    variants = [BASELINE, *options.only] if options.only else VARIANTS
    with ExitStack() as stack:
        redis_port = 0
        if shutil.which("redis-server"):
            redis_port = stack.enter_context(redis_server())
        else:
            print("redis-server is missing, so nothing is measured on Redis", file=sys.stderr)
            variants = [variant for variant in variants if not variant.startswith("redis:")]
        results = measure(options, variants, redis_port)
    lines = summary(results)
    print_table(lines)
    rounds = len(results[BASELINE].cpu)
    print(f"\n{rounds} rounds of {options.requests} requests on {options.connections} connections")
    if options.json:
        report = {"machine": machine(), "rounds": rounds, "requests": options.requests, "variants": lines}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
