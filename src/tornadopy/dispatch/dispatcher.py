"""Signals with the meaning of Django's: send to whoever has connected, without knowing them.

The framework's own signals are in `tornadopy.signal`. This module knows nothing of requests.

See https://docs.djangoproject.com/en/5.2/topics/signals/
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine, Hashable, Iterable
from typing import Any, TypeVar

from tornadopy.dispatch import connection
from tornadopy.dispatch.connection import Connection, Receiver
from tornadopy.exceptions import ArgumentError

__all__ = ["Receiver", "Signal", "receiver"]

R = TypeVar("R", bound=Receiver)
Responses = list[tuple[Receiver, Any]]

# The logger package lies above this one; its warnings and errors go to this logger.
_log = logging.getLogger("tornadopy.tracelog")


class Signal:
    """Something that happens, and whoever wants to hear of it.

    Receivers are called with ``signal``, ``sender`` and the arguments of the sending, all by keyword, in the order in
    which they connected. Connecting, disconnecting and sending may happen in any thread.

    Args:
        providing_args: Names of the arguments that receivers get; documentation alone.
        use_caching: Remember per sender who listens to it. Worth it for many receivers with senders of their own.
        synchronous: Refuse asynchronous receivers when they connect, because the signal is only ever sent by `send`
            from the event loop's thread.

    .. versionadded:: 2.0
    """

    def __init__(
        self,
        providing_args: Iterable[str] | None = None,
        use_caching: bool = False,
        *,
        synchronous: bool = False,
    ) -> None:
        self.providing_args = tuple(providing_args or ())
        self.use_caching = use_caching
        self.synchronous = synchronous
        self._lock = threading.Lock()
        # Replaced, never changed, so that a sending goes through the receivers of its beginning without a lock.
        self._connections: tuple[Connection, ...] = ()
        self._cache: dict[int, tuple[weakref.ref[object], tuple[Connection, ...]]] = {}
        self._has_dead = False

    def connect(
        self,
        receiver: Receiver,
        sender: object = None,
        weak: bool = True,
        dispatch_uid: Hashable | None = None,
    ) -> None:
        """Call *receiver* whenever the signal is sent.

        Connecting the same receiver to the same sender again changes nothing.

        Args:
            receiver: A function, a method or another callable that accepts any keyword argument.
            sender: The only sender to listen to; None is any. Compared by identity.
            weak: Forget the receiver when nothing else refers to it: a function defined inside another one needs
                ``weak=False`` or a name that lives on.
            dispatch_uid: Identifies the receiver in place of itself, where the same code may connect twice.

        Raises:
            TypeError: The receiver cannot be called.
            ArgumentError: The receiver does not accept ``**kwargs``, or is asynchronous and the signal is not.
        """
        connection.check(receiver)
        if self.synchronous and connection.is_async(receiver):
            raise ArgumentError(
                f"{connection.name(receiver)} is asynchronous, but this signal is sent synchronously: connect a plain "
                "function; it may start a task (asyncio.create_task) for what has to wait"
            )
        key = connection.make_key(receiver, sender, dispatch_uid)
        new = Connection(key, receiver, sender, weak=weak, on_death=self._note_death)
        with self._lock:
            alive = self._alive()
            if not any(each.key == key for each in alive):
                alive.append(new)
            self._replace(alive)

    def disconnect(
        self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable | None = None
    ) -> bool:
        """Stop calling *receiver*, named as it was when it connected.

        Returns:
            Whether it was connected.
        """
        key = connection.make_key(receiver, sender, dispatch_uid)
        with self._lock:
            alive = self._alive()
            remaining = [each for each in alive if each.key != key]
            self._replace(remaining)
        return len(remaining) < len(alive)

    def has_listeners(self, sender: object = None) -> bool:
        """Whether a sending from *sender* would reach anyone."""
        # PERF: asked at every stage of every request, mostly without any receiver.
        return bool(self._connections) and bool(self._listeners(sender))

    def has_async_listeners(self, sender: object = None) -> bool:
        """Whether a sending from *sender* would reach an asynchronous receiver, so that it takes `asend`."""
        return any(each.is_async for each in self._listeners(sender))

    def send(self, sender: object, **named: Any) -> Responses:
        """Call every receiver; the first error ends the sending and comes out.

        Asynchronous receivers are run to their end after the others, concurrently, on an event loop of their own.
        That is possible only where no event loop is running in this thread.

        Args:
            sender: Who sends: usually a class.
            **named: What the receivers get.

        Returns:
            Each receiver with its result, the asynchronous ones last.

        Raises:
            RuntimeError: There are asynchronous receivers and an event loop is running here; nobody was called.
        """
        plain, waiting = self._receivers(sender, sending="send")
        responses = self._call(plain, sender, named)
        if waiting:
            responses += _run(self._call_async(waiting, sender, named))
        return responses

    def send_robust(self, sender: object, **named: Any) -> Responses:
        """Call every receiver, whatever the others do; an error is logged and stands in the place of the result.

        Otherwise like `send`.
        """
        plain, waiting = self._receivers(sender, sending="send_robust")
        responses = self._call_robustly(plain, sender, named)
        if waiting:
            responses += _run(self._call_async_robustly(waiting, sender, named))
        return responses

    async def asend(self, sender: object, **named: Any) -> Responses:
        """Call every receiver; the first error ends the sending and comes out.

        Synchronous receivers are called first, directly, in the thread of the event loop (Django moves them to another
        thread): what blocks there belongs into `tornadopy.decorators.async_execute`. The asynchronous ones then run
        concurrently; those still running when one fails are cancelled.

        Returns:
            Each receiver with its result, the asynchronous ones last.
        """
        plain, waiting = self._receivers(sender)
        responses = self._call(plain, sender, named)
        return responses + await self._call_async(waiting, sender, named)

    async def asend_robust(self, sender: object, **named: Any) -> Responses:
        """Call every receiver, whatever the others do; an error is logged and stands in the place of the result.

        Otherwise like `asend`.
        """
        plain, waiting = self._receivers(sender)
        responses = self._call_robustly(plain, sender, named)
        return responses + await self._call_async_robustly(waiting, sender, named)

    def _receivers(self, sender: object, *, sending: str | None = None) -> tuple[list[Receiver], list[Receiver]]:
        """Return the living plain and asynchronous receivers; *sending* is what must not run on an event loop."""
        plain: list[Receiver] = []
        waiting: list[Receiver] = []
        for each in self._listeners(sender):
            found = each.receiver
            if found is not None:
                (waiting if each.is_async else plain).append(found)
        if waiting and sending and _is_loop_running():
            raise RuntimeError(
                f"Signal.{sending}() cannot run the asynchronous receiver {connection.name(waiting[0])} while an "
                f"event loop is running in this thread; use 'await signal.a{sending}(...)'"
            )
        return plain, waiting

    def _call(self, receivers: Iterable[Receiver], sender: object, named: dict[str, Any]) -> Responses:
        return [(each, each(signal=self, sender=sender, **named)) for each in receivers]

    def _call_robustly(self, receivers: Iterable[Receiver], sender: object, named: dict[str, Any]) -> Responses:
        responses: Responses = []
        for each in receivers:
            try:
                response = each(signal=self, sender=sender, **named)
            except Exception as exc:
                response = _log_error(each, exc)
            responses.append((each, response))
        return responses

    async def _call_async(self, receivers: list[Receiver], sender: object, named: dict[str, Any]) -> Responses:
        async def call(each: Receiver) -> Any:
            return await each(signal=self, sender=sender, **named)

        return list(zip(receivers, await _gather([call(each) for each in receivers]), strict=True))

    async def _call_async_robustly(self, receivers: list[Receiver], sender: object, named: dict[str, Any]) -> Responses:
        async def call(each: Receiver) -> Any:
            try:
                return await each(signal=self, sender=sender, **named)
            except Exception as exc:
                return _log_error(each, exc)

        return list(zip(receivers, await _gather([call(each) for each in receivers]), strict=True))

    def _listeners(self, sender: object) -> tuple[Connection, ...]:
        """Return the connections that hear *sender*."""
        if self._has_dead:
            with self._lock:
                self._replace(self._alive())
        # The cache is read before the connections and replaced after them: a stale answer never enters a new cache.
        cache = self._cache
        connections = self._connections
        if not self.use_caching or not connections:
            return tuple(each for each in connections if each.hears(sender))
        place = id(sender)
        known = cache.get(place)
        if known is not None and known[0]() is sender:
            return known[1]
        found = tuple(each for each in connections if each.hears(sender))
        try:
            reference = weakref.ref(sender, lambda _: cache.pop(place, None))
        except TypeError:
            return found  # Not to be recognised again: its id may be another's tomorrow.
        cache[place] = (reference, found)
        return found

    def _alive(self) -> list[Connection]:
        """Return the living connections. The lock is held."""
        self._has_dead = False
        return [each for each in self._connections if each.is_alive]

    def _replace(self, connections: list[Connection]) -> None:
        """Put *connections* in the place of the present ones. The lock is held."""
        self._connections = tuple(connections)
        self._cache = {}

    def _note_death(self, _: object) -> None:
        # Called by the garbage collector, perhaps while this very thread holds the lock.
        self._has_dead = True


def receiver(signal: Signal | Iterable[Signal], **kwargs: Any) -> Callable[[R], R]:
    """Connect the decorated function to *signal*.

    ::

        @receiver([handler_started, handler_response], sender=Index)
        def watch(signal, sender, **kwargs): ...

    Args:
        signal: One signal, or several.
        **kwargs: Further arguments of `Signal.connect`.

    .. versionadded:: 2.0
    """

    def decorate(function: R) -> R:
        for each in [signal] if isinstance(signal, Signal) else signal:
            each.connect(function, **kwargs)
        return function

    return decorate


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _log_error(failed: Receiver, error: Exception) -> Exception:
    _log.error("Signal receiver %s failed: %r", connection.name(failed), error, exc_info=error)
    return error


async def _gather(calls: list[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run *calls* concurrently and leave none of them running when one fails."""
    if len(calls) < 2:
        return [await call for call in calls]
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _run(sending: Coroutine[Any, Any, Responses]) -> Responses:
    # The loop factory keeps the runner from replacing the thread's current event loop, which Tornado may hold.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(sending)
