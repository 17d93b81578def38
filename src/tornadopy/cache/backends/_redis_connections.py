"""The connections of a Redis cache: how long they live, and how its calls use them.

There is one blocking client for all threads, and one asynchronous client for each event loop: a connection of asyncio
belongs to the loop that has opened it. `tornadopy.cache.backends.rediscache` calls this.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

from tornadopy.cache.backends._redis_clients import ASYNCHRONOUS, BLOCKING, Client, check_options
from tornadopy.cache.backends._redis_commands import Request
from tornadopy.cache.backends._redis_errors import DRIVER_ERRORS, translate
from tornadopy.cache.backends._redis_locations import Cluster, Place, Sentinels, Server, Servers, parse_location
from tornadopy.cache.backends._redis_options import read_options
from tornadopy.cache.backends._redis_pings import aping_all, ping_all
from tornadopy.cache.backends.health import Health
from tornadopy.decorators.async_execute import async_execute
from tornadopy.exceptions import CacheConnectionError

T = TypeVar("T")


class LoopClients:
    """The asynchronous clients of one event loop, closed at the latest when the loop shuts its generators down.

    Args:
        clients: One for each server.
        limit: How many calls may use them at the same time; the others wait.
    """

    def __init__(self, clients: list[Client], limit: int) -> None:
        self.clients = clients
        self.gate = asyncio.Semaphore(limit)
        self._guard = self._close_at_the_end()
        _run_to_first_yield(self._guard)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._guard.aclose()

    async def _close_at_the_end(self) -> AsyncGenerator[None, None]:
        # NOTE: `asyncio.run` closes asynchronous generators before it closes the loop. That is the one thing that a
        # library can hook into there; without it a script that does not close its caches would leave sockets behind.
        async with AsyncExitStack() as stack:
            for client in self.clients:
                for each in (client.native, *client.helpers):
                    stack.push_async_callback(each.aclose)
            yield


def _run_to_first_yield(generator: AsyncGenerator[None, None]) -> None:
    """Begin a generator that waits for nothing before its first ``yield``; from then on its event loop knows it."""
    try:
        generator.__anext__().send(None)
    except StopIteration:
        return


class RedisConnections:
    """The connections of one cache, and of all views of it.

    Args:
        location: ``LOCATION``.
        options: ``OPTIONS``.

    Attributes:
        place: Where the servers are.
        seconds: How long a connection waits for an answer; None: for ever.

    Raises:
        ConfigError: One of them is wrong.
    """

    def __init__(self, location: object, options: Mapping[str, Any]) -> None:
        self.place = parse_location(location)
        self._options = read_options(options)
        check_options(self.place, self._options)
        first, *replicas = _servers(self.place)
        keywords = {**self._options.keywords, **first.options}
        self.seconds: float | None = keywords["socket_timeout"]
        self._limit: int = keywords["max_connections"]
        self._deadline = _sum(self.seconds, keywords["socket_connect_timeout"])
        self._names = [first.name, *(replica.name for replica in replicas)]
        self._replicas = [Health(self._options.retry_after) for _ in replicas]
        self._blocking_lock = threading.Lock()  # held while a Cluster is asked for its nodes
        self._loops_lock = threading.Lock()
        self._blocking: list[Client] | None = None
        self._loops: dict[asyncio.AbstractEventLoop, LoopClients] = {}
        self._process = os.getpid()
        self._inherited: list[object] = []

    # Threads

    def blocking_clients(self) -> list[Client]:
        """Return the blocking clients, first that of the server that takes the writes.

        Raises:
            CacheConnectionError: A Cluster cannot be reached.
        """
        clients = self._blocking
        if clients is None:
            with self._blocking_lock:
                if self._blocking is None:
                    with self._translating():
                        self._blocking = BLOCKING.make_clients(self.place, self._options)
                clients = self._blocking
        return clients

    def call(self, request: Request[T]) -> T:
        """Return the result of a request.

        Raises:
            CacheConnectionError: The server cannot be reached, or refuses.
            ArgumentError: It cannot count with what is there.
        """
        clients = self.blocking_clients()
        with self._serving(reads=request.reads) as index:
            answer = request.operation(clients[index].native)
        return request.read(answer)

    def ping(self) -> None:
        """Ping each idle connection of the threads."""
        for index, client in enumerate(self.blocking_clients()):
            with self._translating(index):
                ping_all(client.native)

    def close(self) -> None:
        """Close the connections of the threads; the next call opens new ones."""
        with self._blocking_lock:
            clients, self._blocking = self._blocking, None
        for client in clients or ():
            for each in (client.native, *client.helpers):
                each.close()

    # Tasks

    def loop_clients(self) -> LoopClients:
        """Return the clients of the running event loop."""
        loop = asyncio.get_running_loop()
        with self._loops_lock:
            self._forget_parent()
            found = self._loops.get(loop)
            if found is None:
                self._loops = {each: clients for each, clients in self._loops.items() if not each.is_closed()}
                made = ASYNCHRONOUS.make_clients(self.place, self._options)
                found = self._loops[loop] = LoopClients(made, self._limit)
            return found

    async def acall(self, request: Request[T]) -> T:
        """Return the result of a request; raises as `call` does.

        It takes no longer than connecting and answering may take together.
        """
        here = self.loop_clients()
        with _keeping_cancellation(), self._serving(reads=request.reads) as index:
            async with asyncio.timeout(self._deadline), here.gate:
                answer = await request.operation(here.clients[index].native)
        return request.read(answer)

    async def aping(self) -> None:
        """Ping each idle connection of this event loop, and of the threads, if they have any."""
        here = self.loop_clients()
        for index, client in enumerate(here.clients):
            with self._translating(index):
                async with asyncio.timeout(self._deadline):
                    await aping_all(client.native)
        if self._blocking is not None:
            await _in_thread(self.ping)

    async def aclose(self) -> None:
        """Close the connections of this event loop, and of the threads; the next call opens new ones."""
        with self._loops_lock:
            self._forget_parent()
            here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.aclose()
        if self._blocking is not None:
            await _in_thread(self.close)

    def _forget_parent(self) -> None:
        """In a forked process, leave the connections of the parent's event loops alone. The lock is held.

        They are kept: closing them would tell the parent's selector, which the processes share, to forget them too.
        """
        if self._process != os.getpid():
            self._process = os.getpid()
            self._inherited.append(self._loops)
            self._loops = {}

    # Both

    @contextmanager
    def _serving(self, *, reads: bool) -> Iterator[int]:
        """Choose the client that does a call, and note whether its server has answered."""
        index = self._choose_replica() if reads and self._replicas else 0
        try:
            with self._translating(index):
                yield index
        except CacheConnectionError:
            if index:
                self._replicas[index - 1].failed()
            raise
        if index:
            self._replicas[index - 1].answered()

    def _choose_replica(self) -> int:
        """Return the index of a replica that is worth asking, or 0 for the primary."""
        count = len(self._replicas)
        for number in random.sample(range(count), count):
            if self._replicas[number].is_worth_asking():
                return number + 1
        return 0

    @contextmanager
    def _translating(self, index: int = 0) -> Iterator[None]:
        try:
            yield
        except DRIVER_ERRORS as exc:
            raise translate(exc, self._names[index], self.seconds) from exc


@contextmanager
def _keeping_cancellation() -> Iterator[None]:
    """Cancel the task if it has been cancelled meanwhile, and nobody has noticed.

    Before Python 3.12 `asyncio.wait_for`, by which redis-py sends, swallows a cancellation that comes when it is done
    (https://github.com/python/cpython/issues/86296).
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


@async_execute
def _in_thread(function: Callable[[], None]) -> None:
    function()


def _servers(place: Place) -> list[Server | Cluster | Sentinels]:
    return [place.primary, *place.replicas] if isinstance(place, Servers) else [place]


def _sum(*seconds: float | None) -> float | None:
    return None if None in seconds else sum(each for each in seconds if each is not None)
