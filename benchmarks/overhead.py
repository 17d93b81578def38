"""What tornadopy costs over plain Tornado: one JSON handler, on the stock HTTP server, as ratios within one run.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --access-log --rounds 300 --json overhead.json

Each variant is a server process of its own on a free port of 127.0.0.1; all are pinned to one core, and the load
generator, this process, to another. The variants take turns in many short rounds, so that what slows the machine
down slows all of them. Measured is the CPU time that a server uses for a request, which other programs disturb less
than the requests in a second. ``benchmarks/README.md`` tells how to read the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import tornado
from overhead_variants import BASELINE, BASELINES, BODY, DEFAULT, LOGGED, ROUTED, VARIANTS
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

REQUEST = (
    b"GET /json?page=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: overhead\r\n"
    b"Accept: application/json\r\nAccept-Encoding: identity\r\n\r\n"
)

START_SECONDS = 20.0
IDLE_SECONDS = 10.0


async def serve(server: HTTPServer) -> None:
    """Serve; answer each line of standard input with the CPU seconds used so far; end with it."""
    sockets = bind_sockets(0, "127.0.0.1")
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


class Server:
    """A server process.

    Args:
        variant: What it serves.
        core: The core that it is bound to, or None.
        script: The program that serves it.
        options: Further options of that program.
    """

    def __init__(self, variant: str, core: int | None, *, script: str = __file__, options: Sequence[str] = ()) -> None:
        self.variant = variant
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("TORNADOPY_")}
        self._process = subprocess.Popen(
            [sys.executable, script, "--serve", variant, *([] if core is None else ["--core", str(core)]), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.port = int(self._line())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process has used so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(START_SECONDS) else ""
        if not line:
            self._process.kill()
            raise SystemExit(f"the server {self.variant!r} does not answer; what it wrote stands above")
        return line


# The load


class Client:
    """Send requests over keep-alive connections, one at a time on each, and check every answer.

    Args:
        port: Of the server.
        connections: How many.
        request: What is sent.
        body: What each answer is to bring.
    """

    def __init__(self, port: int, connections: int, request: bytes = REQUEST, body: bytes = BODY) -> None:
        self._request = request
        self._body = body
        self._selector = selectors.DefaultSelector()
        self._received: dict[socket.socket, bytes] = {}
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(connection, selectors.EVENT_READ)
            self._received[connection] = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for connection in self._received:
            connection.close()
        self._selector.close()

    def run(self, requests: int) -> float:
        """Send *requests* requests; return the seconds from the first to the last answer."""
        started = time.perf_counter()
        sent = 0
        for first in list(self._received)[:requests]:
            first.sendall(self._next())
            sent += 1
        answered = 0
        while answered < requests:
            ready = self._selector.select(IDLE_SECONDS)
            if not ready:
                raise SystemExit(f"no answer within {IDLE_SECONDS:g} s; {answered} of {requests} had come")
            for key, _ in ready:
                connection: Any = key.fileobj
                if not self._receive(connection):
                    continue
                answered += 1
                if sent < requests:
                    connection.sendall(self._next())
                    sent += 1
        return time.perf_counter() - started

    def _next(self) -> bytes:
        """Return the next request."""
        return self._request

    def _receive(self, connection: socket.socket) -> bool:
        """Read from *connection*; return whether its answer is complete."""
        new = connection.recv(65536)
        if not new:
            raise SystemExit("the server has closed a connection")
        answer = self._received[connection] + new
        head, separator, body = answer.partition(b"\r\n\r\n")
        if not separator or len(body) < len(self._body):
            self._received[connection] = answer
            return False
        if body != self._body or not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"a wrong answer: {answer[:2000]!r}")
        self._received[connection] = b""
        return True


# What comes out


@dataclass
class Figures:
    """The figures of one variant, one of each a round.

    Attributes:
        cpu: Microseconds of the server's CPU time for a request.
        rate: Requests in a second.
    """

    cpu: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Ratio:
    """A variant's CPU time over that of its baseline.

    Attributes:
        median, lower, upper: Median and quartiles of the rounds' ratios.
        quiet: The ratio of the quietest rounds, a tenth of each variant's: other programs only ever add time.
    """

    median: float
    lower: float
    upper: float
    quiet: float


def ratio(figures: Figures, baseline: Figures) -> Ratio:
    """Compare *figures* with those of the *baseline*."""
    ratios = [mine / its for mine, its in zip(figures.cpu, baseline.cpu, strict=True)]
    calm = quiet(figures.cpu) / quiet(baseline.cpu)
    if len(ratios) == 1:
        return Ratio(ratios[0], ratios[0], ratios[0], calm)
    lower, median, upper = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, lower, upper, calm)


def quiet(values: Sequence[float]) -> float:
    """Return the mean of the lowest tenth of *values*."""
    return statistics.fmean(sorted(values)[: max(len(values) // 10, 1)])


def measure(options: argparse.Namespace, variants: Sequence[str], cores: Sequence[int]) -> dict[str, Figures]:
    """Let the *variants* take turns until all rounds are through or the time is up."""
    deadline = time.monotonic() + options.seconds
    results = {variant: Figures() for variant in variants}
    server_core = cores[0] if len(cores) > 1 else None
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(variant, server_core)) for variant in variants]
        clients = {each: stack.enter_context(Client(each.port, options.connections)) for each in servers}
        for server in servers:
            clients[server].run(options.requests)  # warm up
        for number in progress(options.rounds):
            turn = number % len(servers)
            for server in servers[turn:] + servers[:turn]:
                before = server.cpu_seconds()
                seconds = clients[server].run(options.requests)
                used = server.cpu_seconds() - before
                results[server.variant].cpu.append(used / options.requests * 1e6)
                results[server.variant].rate.append(options.requests / seconds)
            if time.monotonic() > deadline:
                break
    return results


def progress(rounds: int) -> Iterator[int]:
    """Yield the numbers of the rounds, and show them on a terminal."""
    shown = sys.stderr.isatty()
    for number in range(rounds):
        if shown:
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
        yield number
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def summary(results: dict[str, Figures]) -> dict[str, dict[str, Any]]:
    """Return medians and ratios of each variant."""
    lines: dict[str, dict[str, Any]] = {}
    for variant, figures in results.items():
        baseline = BASELINES.get(variant, BASELINE)
        over = ratio(figures, results[baseline])
        lines[variant] = {
            "name": VARIANTS[variant][0],
            "cpu_us": round(statistics.median(figures.cpu), 2),
            "cpu_us_quiet": round(quiet(figures.cpu), 2),
            "requests_per_second": round(statistics.median(figures.rate)),
            "baseline": baseline,
            "ratio": round(over.median, 4),
            "ratio_quiet": round(over.quiet, 4),
            "ratio_quartiles": [round(over.lower, 4), round(over.upper, 4)],
            "cpu_us_rounds": [round(each, 2) for each in figures.cpu],
        }
    return lines


def print_table(lines: dict[str, dict[str, Any]]) -> None:
    """Print the figures for people."""
    print(f"{'':<42}{'CPU µs':>8}{'quiet':>8}{'req/s':>8}{'ratio':>8}{'quiet':>8}   quartiles of the ratio")
    for line in lines.values():
        lower, upper = line["ratio_quartiles"]
        over = "" if line["baseline"] == BASELINE else f", over {VARIANTS[line['baseline']][0]}"
        print(
            f"{line['name']:<42}{line['cpu_us']:>8.1f}{line['cpu_us_quiet']:>8.1f}{line['requests_per_second']:>8}"
            f"{line['ratio']:>8.3f}{line['ratio_quiet']:>8.3f}   {lower:.3f} to {upper:.3f}{over}"
        )


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "python": platform.python_version(),
        "tornado": tornado.version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }


def usable_cores() -> list[int]:
    """Return the cores that processes can be bound to, none where the system has no such thing."""
    get = getattr(os, "sched_getaffinity", None)
    return [] if get is None else sorted(get(0))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure what tornadopy costs over plain Tornado.")
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--requests", type=int, default=400, help="of each variant in each round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=100.0, help="no new round begins after this time")
    parser.add_argument("--access-log", action="store_true", help="measure the access logs too")
    parser.add_argument("--routes", action="store_true", help="measure many routes too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument("--serve", choices=sorted(VARIANTS), help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
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
        asyncio.run(serve(HTTPServer(VARIANTS[options.serve][1]())))
        return
    cores = usable_cores()
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))
    results = measure(
        options, [*DEFAULT, *(LOGGED if options.access_log else ()), *(ROUTED if options.routes else ())], cores
    )
    lines = summary(results)
    print_table(lines)
    rounds = len(results[BASELINE].cpu)
    print(f"\n{rounds} rounds of {options.requests} requests on {options.connections} connections")
    if options.json:
        report = {"machine": machine(), "rounds": rounds, "requests": options.requests, "variants": lines}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
