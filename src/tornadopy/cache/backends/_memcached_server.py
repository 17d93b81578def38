"""One Memcached server: its connections, and whether it answers.

`tornadopy.cache.backends.memcached` owns one for each server. Needs the extra ``tornadopy[memcached]``.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tornadopy.cache.backends._memcached_options import Times
from tornadopy.cache.backends.addresses import Address
from tornadopy.cache.backends.health import Health
from tornadopy.exceptions import CacheConnectionError, MissingExtraError

try:
    from pymemcache.client.base import Client  # type: ignore[import-untyped]
    from pymemcache.exceptions import (  # type: ignore[import-untyped]
        MemcacheClientError,
        MemcacheError,
        MemcacheServerError,
        MemcacheUnexpectedCloseError,
    )
except ImportError as exc:
    raise MissingExtraError(
        "pymemcache is not installed: install the extra tornadopy[memcached] (see README, Installation)"
    ) from exc

__all__ = ["Item", "MemcachedServer", "refusal_in"]


class Item(NamedTuple):
    """What a server stores: bytes, and the flags that say what they are."""

    stored: bytes
    flags: int


class _Items:
    """Lets pymemcache pass on items as they are."""

    def serialize(self, _key: bytes, item: Item) -> Item:
        return item

    def deserialize(self, _key: bytes, stored: bytes, flags: int) -> Item:
        return Item(stored, flags)


class MemcachedServer:
    """A server and its connections, of which a call takes one that is idle, or opens a new one.

    There are as many connections as there have been calls at the same time: at most one for each thread.

    Args:
        address: Where it listens; a text is the path of a Unix socket.
        times: How long it may take.
    """

    def __init__(self, address: Address | str, times: Times) -> None:
        self._idle: list[Any] = []
        self.name = str(address) if isinstance(address, Address) else f"unix:{address}"
        self.health = Health(times.retry_after)
        self._address = address
        self._times = times
        self._lock = threading.Lock()
        self._era = 0  # how often the connections have been closed
        self._process = os.getpid()

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Give a connection: a client of pymemcache.

        Raises:
            CacheConnectionError: The server cannot be reached, or has not answered in time; from now on it counts as
                down, until it is tried again. Or it has answered with an error; see `refusal_in`.
        """
        with self._noting():
            era = self._era
            client = self._take() or self._dial()
            try:
                yield client
            except BaseException:
                client.close()
                raise
            self._give_back(client, era)

    def ping(self) -> None:
        """Ask each idle connection for an answer, or a new one if there is none; raises as `connection` does."""
        with self._noting():
            era = self._era
            clients = list(iter(self._take, None)) or [self._dial()]
            try:
                for client in clients:
                    client.version()
            finally:
                for client in clients:
                    self._give_back(client, era)

    def close(self) -> None:
        """Close the idle connections, and those in use as soon as they are given back."""
        with self._lock:
            self._era += 1
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def __del__(self) -> None:
        # A call that ends after `close` leaves its connection behind; so does a cache that nobody closes.
        for client in self._idle:
            client.close()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note whether the server has answered, and say with an error of ours that it has not."""
        try:
            yield
        except (OSError, MemcacheUnexpectedCloseError) as exc:
            self.health.failed()
            raise CacheConnectionError(f"Memcached at {self.name} {self._explain(exc)}") from exc
        except (MemcacheServerError, MemcacheClientError) as exc:
            self.health.answered()
            raise CacheConnectionError(f"Memcached at {self.name} has refused the command: {_words(exc)}") from exc
        except MemcacheError as exc:
            self.health.failed()
            raise CacheConnectionError(
                f"what answers at {self.name} does not speak as Memcached does ({_words(exc)}); is LOCATION right?"
            ) from exc
        self.health.answered()

    def _explain(self, exc: Exception) -> str:
        if isinstance(exc, TimeoutError):
            return f"has not answered within {self._times.answer:g} s; is it overloaded, or stopped?"
        return (
            f"cannot be reached: {_words(exc) or 'it has closed the connection'}; is it running, and is LOCATION right?"
        )

    def _take(self) -> Any:
        """Return an idle connection that is still open, or None."""
        with self._lock:
            self._forget_parent()
            while self._idle:
                client = self._idle.pop()
                if client.sock is not None and not _has_input(client.sock):
                    return client
                client.close()  # the server has closed it, after a restart or because it was idle for too long
            return None

    def _give_back(self, client: Any, era: int) -> None:
        """Keep a connection for the next call, unless `close` has been called since it was taken."""
        with self._lock:
            if client.sock is not None and era == self._era:
                self._idle.append(client)
                return
        client.close()

    def _forget_parent(self) -> None:
        """In a forked process, close its copies of the parent's connections. The lock is held."""
        if self._process != os.getpid():
            self._process = os.getpid()
            idle, self._idle = self._idle, []
            for client in idle:
                client.close()

    def _dial(self) -> Any:
        """Return a new connection, over which the server has answered once."""
        error: Exception | None = None
        for address in self._resolve():
            client = Client(
                address,
                serde=_Items(),
                connect_timeout=self._times.connect,
                timeout=self._times.answer,
                no_delay=True,
                default_noreply=False,
                allow_unicode_keys=True,
            )
            try:
                client.version()
            except (OSError, MemcacheError) as exc:
                client.close()
                error = exc
            else:
                return client
        raise error or OSError("its name has no address")

    def _resolve(self) -> list[tuple[str, int] | str]:
        """Return the addresses of the host: a name such as localhost may have several, of which one is listened on."""
        if not isinstance(self._address, Address):
            return [self._address]
        found = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys((str(place[0]), int(place[1])) for *_, place in found))


def refusal_in(error: CacheConnectionError) -> str | None:
    """Return what a server has answered in the place of doing a command; None, if it has not answered at all."""
    cause = error.__cause__
    if cause is None or isinstance(cause, MemcacheUnexpectedCloseError):
        return None
    return _words(cause) if isinstance(cause, MemcacheServerError | MemcacheClientError) else None


def _has_input(sock: socket.socket) -> bool:
    """Whether there is something to read, which on an idle connection is its end."""
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        return bool(poller.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


def _words(exc: BaseException) -> str:
    """Return the words of an error; pymemcache passes on the bytes of the server."""
    if len(exc.args) == 1 and isinstance(exc.args[0], bytes):
        return exc.args[0].decode("ascii", "backslashreplace")
    return str(exc)
