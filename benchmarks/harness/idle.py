"""Many connections that are open and silent, held by the load generator's process while the server's memory is read."""

from __future__ import annotations

import time
from dataclasses import dataclass

from harness import processes
from harness.cases import CASES, FIRST, LoadCase
from harness.wire import SOURCES, Connection, WrongAnswerError

WARM_UP = 50
SETTLE_SECONDS = 5.0
SETTLE_POLL = 0.2


@dataclass(frozen=True)
class IdleJob:
    """What the load generator is to hold.

    Attributes:
        port: Of the server.
        pids: Its processes.
        connections: How many.
        websocket: They are WebSockets.
    """

    port: int
    pids: tuple[int, ...]
    connections: int
    websocket: bool


def hold(job: IdleJob) -> float:
    """Open the connections, and return the bytes of the server's memory that one has taken.

    Raises:
        WrongAnswerError: The server has closed one, or answered wrongly.
    """
    for _ in range(WARM_UP):
        _open(job, 0).close()
    before = _settled(job.pids)
    connections = [_open(job, number) for number in range(job.connections)]
    try:
        used = _settled(job.pids) - before
        if not all(each.is_silent() for each in connections):
            raise WrongAnswerError("the server has closed a connection that was idle")
    finally:
        for each in connections:
            each.close()
    return used / job.connections


def _open(job: IdleJob, number: int) -> Connection:
    """Return a connection that has been used once."""
    connection = Connection(job.port, SOURCES[number % len(SOURCES)])
    if job.websocket:
        connection.upgrade()
        connection.echo(b"%d" % number)
    else:
        json = next(each for each in CASES if each.name == "json")
        assert isinstance(json, LoadCase)
        (answer,) = connection.ask(json.request(b"%d" % FIRST))
        if answer.status != 200:
            raise WrongAnswerError(f"200 was expected, not {answer}")
    return connection


def _settled(pids: tuple[int, ...]) -> int:
    """Return the memory of *pids* once it has come to rest, or when the time is up."""
    deadline = time.monotonic() + SETTLE_SECONDS
    last, now = -1, processes.memory(pids, "VmRSS")
    while now != last and time.monotonic() < deadline:
        time.sleep(SETTLE_POLL)
        last, now = now, processes.memory(pids, "VmRSS")
    return now
