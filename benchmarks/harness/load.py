"""The load generator, in a process of its own: sends numbered requests over many connections, compares every answer.

It is a loop around ``epoll`` that does little for a request: puts its number in, sends it, looks whether the answer is
the expected one byte by byte. `Turn` says how busy it was, for a generator that is the bottleneck measures itself.
"""

from __future__ import annotations

import gc
import itertools
import os
import select
import signal
import socket
import statistics
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from harness import processes, wire
from harness.cases import FIRST, LoadCase

IDLE_SECONDS = 20.0
_OK = b"HTTP/1.1 200"
_HEAD_END = b"\r\n\r\n"
_NUMBERS = 90_000_000
_numbers = itertools.count()
"""Goes on from turn to turn: a server that remembers answers must not meet the same request again in the next one."""


@dataclass(frozen=True)
class Job:
    """What the load generator is to do in one turn.

    Attributes:
        case: The case.
        spelling: Which of its answers this server gives.
        port: Of the server.
        pids: Its processes.
        seconds: No request begins later than that.
        requests: No more than that.
    """

    case: LoadCase
    spelling: int
    port: int
    pids: tuple[int, ...]
    seconds: float
    requests: int


@dataclass(frozen=True)
class Turn:
    """What one turn has shown.

    Attributes:
        answered: Requests.
        seconds: From the first request to the last answer.
        cpu: Seconds of processor time of the server's processes.
        own_cpu: Seconds of processor time of the load generator.
        p50, p99: Seconds from request to answer, median and 99th percentile.
    """

    answered: int
    seconds: float
    cpu: float
    own_cpu: float
    p50: float
    p99: float

    @property
    def cpu_us(self) -> float:
        """Microseconds of the server's processor time for a request."""
        return self.cpu / self.answered * 1e6


def prepare(core: int | None) -> None:
    """Bind this process to *core*, and leave Ctrl+C to its parent; the first thing that it is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if core is not None:
        os.sched_setaffinity(0, {core})


def run(job: Job) -> Turn:
    """Connect, warm up each connection, and measure.

    Raises:
        WrongAnswerError: An answer is not the expected one, or does not come.
    """
    case = job.case
    with Load(case, job.spelling, job.port) as load:
        load.run(job.seconds, case.connections * case.pipeline)
        load.latencies.clear()
        gc.collect()
        gc.disable()
        try:
            cpu, own, began = processes.cpu_seconds(job.pids), time.process_time(), time.perf_counter()
            answered = load.run(job.seconds, job.requests)
            ended = time.perf_counter()
            own, cpu = time.process_time() - own, processes.cpu_seconds(job.pids) - cpu
        finally:
            gc.enable()
        return Turn(answered, ended - began, cpu, own, *percentiles(load.latencies))


def percentiles(latencies: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    if len(latencies) == 1:
        return latencies[0], latencies[0]
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return cuts[49], cuts[98]


class Client:
    """One connection: what it waits for, what it has received, what is still to be sent.

    Args:
        port: Of the server.
        source: The address of this end.
    """

    __slots__ = ("began", "expected", "received", "socket", "unsent")

    def __init__(self, port: int, source: str) -> None:
        self.socket = socket.create_connection((wire.ADDRESS, port), wire.TIMEOUT, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.expected: deque[bytes] = deque()
        self.received = b""
        self.unsent = b""
        self.began = 0.0

    def send(self, requests: bytes) -> bool:
        """Send *requests*, or as much as the system takes now; return whether that is all."""
        try:
            sent = self.socket.send(requests)
        except BlockingIOError:
            sent = 0
        self.unsent = requests[sent:]
        return not self.unsent

    def take(self) -> int:
        """Read, and return how many answers have become complete.

        Raises:
            WrongAnswerError: One is not the expected one, or the server has closed the connection.
        """
        new = self.socket.recv(wire.RECEIVE)
        if not new:
            raise wire.WrongAnswerError(f"the server has closed a connection; received was {self.received[:500]!r}")
        received = self.received + new if self.received else new
        start = count = 0
        expected = self.expected
        while expected:
            head_end = received.find(_HEAD_END, start)
            if head_end < 0:
                break
            body = expected[0]
            end = head_end + 4 + len(body)
            if not (received.startswith(_OK, start) and received.startswith(body, head_end + 4)):
                answer = wire.parse(received, start)  # in pieces, incomplete, or wrong
                if answer is None:
                    break
                if answer.status != 200 or answer.body != body:
                    raise wire.WrongAnswerError(f"{body[:500]!r} was expected, not {received[start:][:2000]!r}")
                end = answer.end
            expected.popleft()
            start, count = end, count + 1
        self.received = received[start:]
        if self.received and not expected:
            raise wire.WrongAnswerError(f"more came than was asked for: {self.received[:500]!r}")
        return count


class Load:
    """All connections of a case.

    Args:
        case: The case.
        spelling: Which of its answers the server gives.
        port: Of the server.
    """

    def __init__(self, case: LoadCase, spelling: int, port: int) -> None:
        self._request, self._answer = case.request, case.answers[spelling]
        self._pipeline = case.pipeline
        self.latencies: list[float] = []
        self._epoll = select.epoll()
        self._clients: dict[int, Client] = {}
        for number in range(case.connections):
            client = Client(port, wire.SOURCES[number % len(wire.SOURCES)])
            self._clients[client.socket.fileno()] = client
            self._epoll.register(client.socket, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for client in self._clients.values():
            client.socket.close()
        self._epoll.close()

    def run(self, seconds: float, requests: int) -> int:
        """Send for *seconds*, but no more than *requests*; return how many were answered, which is all of them."""
        sent = answered = 0
        clock, latencies, pipeline = time.perf_counter, self.latencies, self._pipeline
        deadline = clock() + seconds
        for client in self._clients.values():
            if sent < requests:
                sent += self._send(client, min(pipeline, requests - sent))
        while answered < sent:
            events = self._epoll.poll(IDLE_SECONDS)
            if not events:
                raise wire.WrongAnswerError(f"no answer within {IDLE_SECONDS:g} s; {answered} of {sent} had come")
            for descriptor, event in events:
                client = self._clients[descriptor]
                if event & select.EPOLLOUT:
                    self._send_rest(client)
                if not event & ~select.EPOLLOUT:
                    continue
                count = client.take()
                now = clock()
                answered += count
                latencies.extend([now - client.began] * count)
                if not client.expected and now < deadline and sent < requests:
                    sent += self._send(client, min(pipeline, requests - sent))
        return answered

    def _send(self, client: Client, count: int) -> int:
        requests = b""
        for _ in range(count):
            number = b"%d" % (FIRST + next(_numbers) % _NUMBERS)
            requests += self._request(number)
            client.expected.append(self._answer(number))
        client.began = time.perf_counter()
        if not client.send(requests):
            self._epoll.modify(client.socket, select.EPOLLIN | select.EPOLLOUT)
        return count

    def _send_rest(self, client: Client) -> None:
        if client.send(client.unsent):
            self._epoll.modify(client.socket, select.EPOLLIN)
