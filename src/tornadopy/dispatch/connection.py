"""One receiver's connection to a signal, and what is asked of a receiver; used by the dispatcher alone."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Hashable
from typing import Any

from tornado.gen import is_coroutine_function

from tornadopy.exceptions import ArgumentError

Receiver = Callable[..., Any]
"""Anything that can be called with keyword arguments."""

Key = tuple[Hashable, int]
"""What tells a connection from the others: the receiver (or the ``dispatch_uid``) and the sender."""


class Connection:
    """A receiver that listens to one sender, or to all of them.

    Args:
        key: What tells it from the other connections of its signal.
        receiver: Who is called.
        sender: The only sender that it listens to; None is any.
        weak: Whether the receiver may die while it is connected.
        on_death: Called when the receiver or the sender has died; at any time, so it must not lock.
    """

    __slots__ = ("_receiver", "_sender", "is_async", "key")

    def __init__(
        self, key: Key, receiver: Receiver, sender: object, *, weak: bool, on_death: Callable[[object], None]
    ) -> None:
        self.key = key
        self.is_async = is_async(receiver)
        self._receiver = _weak(receiver, on_death) if weak else (lambda: receiver)
        self._sender: Callable[[], object] | None = None
        if sender is not None:
            try:
                self._sender = weakref.ref(sender, on_death)
            except TypeError:
                # Strings, numbers and the like cannot be referred to weakly.
                self._sender = lambda: sender

    @property
    def receiver(self) -> Receiver | None:
        """The receiver, or None when it has died."""
        return self._receiver()

    @property
    def is_alive(self) -> bool:
        """Whether the receiver and the sender live."""
        return self._receiver() is not None and (self._sender is None or self._sender() is not None)

    def hears(self, sender: object) -> bool:
        """Whether the receiver listens to *sender*."""
        return self._sender is None or (sender is not None and self._sender() is sender)


def make_key(receiver: Receiver | None, sender: object, dispatch_uid: Hashable | None) -> Key:
    """Return the key of the connection that *receiver*, or *dispatch_uid* in its place, has with *sender*."""
    if dispatch_uid is not None:
        return (dispatch_uid, id(sender))
    owner, function = getattr(receiver, "__self__", None), getattr(receiver, "__func__", None)
    if function is not None:
        # Each access to a method makes a new object of it.
        return ((id(owner), id(function)), id(sender))
    return (id(receiver), id(sender))


def check(receiver: Receiver) -> None:
    """Refuse what cannot be a receiver.

    Raises:
        TypeError: It cannot be called.
        ArgumentError: It does not take any keyword argument; also a `ValueError`, as Django raises.
    """
    if not callable(receiver):
        raise TypeError(f"Signal receivers must be callable; got {receiver!r}")
    try:
        parameters = inspect.signature(receiver).parameters.values()
    except ValueError:
        return  # Some built-in functions do not tell their parameters.
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        raise ArgumentError(f"Signal receivers must accept keyword arguments (**kwargs); {name(receiver)} does not")


def is_async(receiver: Receiver) -> bool:
    """Whether *receiver* is an ``async def``, a ``gen.coroutine``, or an object that is called like one."""
    call = getattr(receiver, "__call__", None)  # noqa: B004 - the method itself is wanted, not whether there is one
    return any(inspect.iscoroutinefunction(each) or is_coroutine_function(each) for each in (receiver, call))


def name(receiver: Receiver) -> str:
    """Return the name of *receiver* for a message."""
    return getattr(receiver, "__qualname__", None) or repr(receiver)


def _weak(receiver: Receiver, on_death: Callable[[object], None]) -> Callable[[], Receiver | None]:
    if inspect.ismethod(receiver):
        return weakref.WeakMethod(receiver, on_death)
    return weakref.ref(receiver, on_death)
