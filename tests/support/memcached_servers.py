"""Real Memcached servers for tests.

The fixture `memcached_server` is known to all tests (`tests/conftest.py`), lives as long as the test run and is empty
at the start of each test; what a test kills or stops, it makes itself: `with running_memcached() as server`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from pymemcache.client.base import Client

from support.processes import ServerProcess, find_program, short_folder


class MemcachedServer(ServerProcess):
    """A memcached.

    Args:
        folder: Where it works.
        unix: Listen on a Unix socket, and on no port.
        arguments: Further options of its command line: ``("-I", "2m")``.
    """

    def __init__(self, folder: Path, *, unix: bool = False, arguments: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self.socket = folder / "memcached.sock" if unix else None
        self.arguments = arguments

    def command(self) -> list[str]:
        place = ["-s", str(self.socket)] if self.socket else ["-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]
        return [find_program("memcached", "memcached"), *place, "-u", "root", "-m", "64", *self.arguments]

    @property
    def location(self) -> str:
        return f"unix:{self.socket}" if self.socket else self.address

    def is_ready(self) -> bool:
        if self.socket is None:
            return super().is_ready()
        with socket.socket(socket.AF_UNIX) as sock:  # the file is there before anybody listens
            return sock.connect_ex(str(self.socket)) == 0

    @contextmanager
    def connect(self) -> Iterator[Client]:
        """Give a client of the test's own."""
        server = str(self.socket) if self.socket else ("127.0.0.1", self.port)
        client = Client(server, timeout=5, connect_timeout=5, default_noreply=False)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def count_connections(self) -> Iterator[Callable[[], int]]:
        """Give a function that returns how many clients are connected, the asking one left out.

        It asks over one connection: each of its own would be counted until the server has seen its end. The same goes
        for all others that were closed lately: wait for a count before you rely on one.
        """
        with self.connect() as client:
            yield lambda: int(client.stats()[b"curr_connections"]) - 1

    def connections(self) -> int:
        """Return how many clients are connected, the asking one left out; see `count_connections`."""
        with self.count_connections() as count:
            return count()


@contextmanager
def running_memcached(**options: object) -> Iterator[MemcachedServer]:
    """Run a server of the test's own; the options are those of `MemcachedServer`."""
    with short_folder() as folder:
        server = MemcachedServer(folder, **options)  # type: ignore[arg-type]
        try:
            yield server.start()
        finally:
            server.kill()


@contextmanager
def running_memcacheds(count: int) -> Iterator[list[MemcachedServer]]:
    """Run several servers of the test's own."""
    with ExitStack() as stack:
        yield [stack.enter_context(running_memcached()) for _ in range(count)]


@pytest.fixture(scope="session")
def _memcached_server() -> Iterator[MemcachedServer]:
    with running_memcached() as server:
        yield server


@pytest.fixture
def memcached_server(_memcached_server: MemcachedServer) -> MemcachedServer:
    """A server with nothing in it."""
    with _memcached_server.connect() as client:
        client.flush_all()
    return _memcached_server
