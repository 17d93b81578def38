"""What a handler costs without its server: the same application on connections that only take bytes, as ratios.

    python benchmarks/handlers.py
    python benchmarks/handlers.py --rounds 400 --json handler.json

Measured is all that lies between a request that has been read and the header block and body that the connection is
handed: routing, context, hooks, handler, response. No socket is opened, and the making of the requests is not timed.
Plain Tornado and tornadopy take turns in one process, round by round; ``benchmarks/README.md`` tells how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler_variants import CASES, Case
from overhead import Figures, machine, progress, quiet, ratio
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine, ResponseStartLine
from tornado.web import Application

LINES = (
    "Host: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: application/json\r\nAccept-Language: en\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n"
)

TOGETHER = 32  # as many requests as there are connections; with more, the processor's caches are what is measured


class Exchanges:
    """Wait for the end of a number of exchanges.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self._left = count
        self.ended = asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """Take note of the end of one."""
        self._left -= 1
        if not self._left:
            self.ended.set_result(None)


class NullConnection:
    """An `HTTPConnection` that takes a response, and sends it nowhere.

    Attributes:
        status, headers, body: The response.
    """

    _written: asyncio.Future[None]

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges
        self.status = 0
        self.headers = HTTPHeaders()
        self.body = b""

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Take the callback of a client that will not go away."""
        self.close_callback = callback

    def write_headers(
        self, start_line: ResponseStartLine, headers: HTTPHeaders, chunk: bytes = b""
    ) -> asyncio.Future[None]:
        """Take the head and the first piece of the body."""
        self.status, self.headers, self.body = start_line.code, headers, chunk
        return self._written

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Take a further piece of the body."""
        self.body += chunk
        return self._written

    def finish(self) -> None:
        """Take note of the end."""
        self._exchanges.end()


class Variant:
    """An application that answers the requests of a case.

    Args:
        case: What is asked, and what is to come of it.
        application: What answers.
    """

    def __init__(self, case: Case, application: Application) -> None:
        self.case = case
        self.application: Any = application
        self.line = RequestStartLine(case.method, case.target, "HTTP/1.1")

    async def run(self, count: int) -> float:
        """Answer *count* requests, `TOGETHER` at a time; return the CPU seconds that took."""
        return sum([await self._run(min(TOGETHER, count - begun)) for begun in range(0, count, TOGETHER)])

    async def _run(self, count: int) -> float:
        exchanges = Exchanges(count)
        connections = [NullConnection(exchanges) for _ in range(count)]
        requests = [self._request(connection) for connection in connections]
        began = time.thread_time()
        for request in requests:
            delegate = self.application.find_handler(request)
            delegate.headers_received(self.line, request.headers)
            if self.case.body:
                delegate.data_received(self.case.body)
            delegate.finish()
        await exchanges.ended
        seconds = time.thread_time() - began
        for connection in connections:
            self._check(connection)
        return seconds

    def _request(self, connection: Any) -> HTTPServerRequest:
        headers = HTTPHeaders.parse(LINES + self.case.headers)
        return HTTPServerRequest(connection=connection, start_line=self.line, headers=headers)

    def _check(self, connection: NullConnection) -> None:
        case, headers = self.case, connection.headers
        if connection.status != 200 or not _is_same(connection.body, case.answer):
            raise SystemExit(f"{case.name}: a wrong answer: {connection.status} {connection.body[:2000]!r}")
        if headers.get("Content-Length") != str(len(connection.body)) or "Date" not in headers:
            raise SystemExit(f"{case.name}: wrong headers: {headers}")


def _is_same(body: bytes, answer: bytes) -> bool:
    return body == answer or (answer[:1] == b"{" and json.loads(body) == json.loads(answer))


@dataclass(frozen=True)
class Result:
    """The figures of one case: plain Tornado's, and those of each variant of tornadopy."""

    case: Case
    figures: dict[str, Figures]


async def measure(options: argparse.Namespace, cases: Sequence[Case]) -> list[Result]:
    """Let the variants of all cases take turns."""
    NullConnection._written = asyncio.get_running_loop().create_future()
    NullConnection._written.set_result(None)
    variants = [(case, name, Variant(case, make())) for case in cases for name, make in case.variants.items()]
    results = {case.name: Result(case, {name: Figures() for name in case.variants}) for case in cases}
    for _, _, variant in variants:
        await variant.run(options.requests)  # warm up
    deadline = time.monotonic() + options.seconds
    for number in progress(options.rounds):
        turn = number % len(variants)
        for case, name, variant in variants[turn:] + variants[:turn]:
            used = await variant.run(options.requests)
            results[case.name].figures[name].cpu.append(used / options.requests * 1e6)
        if time.monotonic() > deadline:
            break
    return list(results.values())


def summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the figures of each case and variant."""
    lines = []
    for result in results:
        baseline = next(iter(result.figures.values()))
        for name, figures in result.figures.items():
            over = ratio(baseline, figures)
            lines.append(
                {
                    "case": result.case.name,
                    "variant": name,
                    "cpu_us_quiet": round(quiet(figures.cpu), 2),
                    "times_cheaper": round(over.median, 2),
                    "times_cheaper_quiet": round(over.quiet, 2),
                    "times_cheaper_quartiles": [round(over.lower, 2), round(over.upper, 2)],
                }
            )
    return lines


def print_table(lines: Sequence[dict[str, Any]]) -> None:
    """Print the figures for people."""
    print(f"{'case':<24}{'variant':<26}{'CPU µs':>8}{'times cheaper':>15}   quartiles")
    for line in lines:
        lower, upper = line["times_cheaper_quartiles"]
        print(
            f"{line['case']:<24}{line['variant']:<26}{line['cpu_us_quiet']:>8.2f}{line['times_cheaper_quiet']:>15.2f}"
            f"   {lower:.2f} to {upper:.2f}"
        )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure what a handler costs without its server.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--requests", type=int, default=640, help="of each variant in each round")
    parser.add_argument("--seconds", type=float, default=60.0, help="no new round begins after this time")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    options = parser.parse_args(arguments)
    for name in ("rounds", "requests"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = parse(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cases = [case for case in CASES if options.case is None or case.name in options.case]
    results = asyncio.run(measure(options, cases))
    lines = summary(results)
    print_table(lines)
    rounds = len(next(iter(results[0].figures.values())).cpu)
    print(f"\n{rounds} rounds of {options.requests} requests")
    if options.json:
        report = {"machine": machine(), "rounds": rounds, "requests": options.requests, "lines": lines}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
