"""Transactions: a connection that the statements of one context share until it is committed or rolled back.

Begun by `Database.transaction`, asked by each of its statements. A context is a request, a task or a thread; what it
starts (tasks, threads of `async_execute`) takes part in its transaction, one statement at a time.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tornadopy.context import Scope, current_scope
from tornadopy.exceptions import TransactionError
from tornadopy.utils.awaitables import is_on_event_loop

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import NestedTransaction, RootTransaction

__all__ = ["Transaction", "begin", "innermost"]

_log = logging.getLogger("tornadopy.tracelog")

GIVEN_UP = "it has been rolled back, since its request or its block had ended while a thread was still using it"

_begun: ContextVar[tuple[Transaction, ...]] = ContextVar("tornadopy.basedb.transactions", default=())
"""The transactions that have been begun here, of all databases; those that have ended are passed over."""


class Pinned:
    """A connection that belongs to a transaction, and to those that are nested in it.

    Attributes:
        connection: SQLAlchemy's connection; used in `turn` alone.
        open: The transactions that have not ended, the innermost last.
        scope: The request or message that it ends with, if there is one.
        is_abandoned: Whether it has been given up, and is rolled back as soon as nobody uses it.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.open: list[Transaction] = []
        self.scope: Scope | None = None
        self.is_abandoned = False
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """Give out the connection when nobody else is using it.

        Raises:
            TransactionError: A thread is using it, and the event loop would have to wait; or it has been given up.
        """
        if not self._lock.acquire(blocking=not is_on_event_loop()):
            raise InUseError(
                "a function with @async_execute is using this transaction, and waiting for it here would stop the "
                "event loop: await the function first"
            )
        try:
            if self.is_abandoned:
                raise TransactionError(GIVEN_UP)
            yield self.connection
        finally:
            self._lock.release()
            if self.is_abandoned:
                self._close_if_free()

    def close(self) -> None:
        """Give the connection back to the pool, in a turn; what is not committed is rolled back."""
        self.open.clear()
        if self.scope is not None:
            self.scope.state[Pinned].discard(self)
            self.scope.let_go(self)
        self.connection.close()

    def abandon(self) -> None:
        """Roll all back, now or when the statement that is running has ended."""
        self.is_abandoned = True
        self._close_if_free()

    def _close_if_free(self) -> None:
        # NOTE: whoever holds the lock looks at the flag after letting go of it, so that nobody has to wait here.
        if self._lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._lock.release()


class Transaction:
    """A transaction, or a savepoint in one; made by `Database.transaction`.

    As a context manager it commits at the end, and rolls back when an exception comes through. Without ``with``, call
    `commit` or `rollback`.

    .. versionadded:: 2.0
    """

    def __init__(self, engine: Engine, pinned: Pinned, scope: RootTransaction | NestedTransaction) -> None:
        self.engine, self.pinned = engine, pinned
        self.worker = _worker()
        self._scope = scope
        pinned.open.append(self)

    @property
    def is_open(self) -> bool:
        """Whether it has neither been committed nor rolled back."""
        return not self.pinned.is_abandoned and self in self.pinned.open

    def commit(self) -> None:
        """Keep what has been done.

        Raises:
            TransactionError: It has ended already, or one that is nested in it has not.
        """
        with self._ending("commit"):
            self._scope.commit()

    def rollback(self) -> None:
        """Undo what has been done.

        Raises:
            TransactionError: It has ended already, or one that is nested in it has not.
        """
        with self._ending("rollback"):
            self._scope.rollback()

    @contextmanager
    def _ending(self, call: str) -> Iterator[None]:
        if not self.is_open:
            raise TransactionError(f"{call}(): {GIVEN_UP if self.pinned.is_abandoned else 'it has ended already'}")
        with self.pinned.turn():
            self._check_innermost(call)
            try:
                yield
            finally:
                self.pinned.open.remove(self)
                if not self.pinned.open:
                    self.pinned.close()
                _begun.set(tuple(each for each in _begun.get() if each is not self))

    def _check_innermost(self, call: str) -> None:
        if self.pinned.open[-1] is not self:
            self.pinned.close()
            raise TransactionError(
                f"{call}(): a transaction that is nested in this one is still open, so that all has been rolled back; "
                "end the inner ones first, and let one task or thread alone nest transactions"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            if self.is_open or self.pinned.is_abandoned:
                self.commit()
        elif self.is_open:
            try:
                self.rollback()
            except InUseError:
                self.pinned.abandon()


class InUseError(TransactionError):
    """A thread is using the transaction."""


def begin(engine: Engine) -> Transaction:
    """Begin a transaction here, or set a savepoint in the one that is open here.

    Raises:
        TransactionError: Another task or thread has set a savepoint in it.
    """
    outer = innermost(engine)
    transaction = _begin_root(engine) if outer is None else _begin_nested(outer)
    _begun.set((*(each for each in _begun.get() if each.is_open), transaction))
    return transaction


def innermost(engine: Engine) -> Transaction | None:
    """Return the innermost transaction of *engine* that is open here.

    Raises:
        TransactionError: The one that this task or thread was started in has ended.
    """
    for each in reversed(_begun.get()):
        if each.engine is engine and each.is_open:
            return each
        if each.engine is engine and each.worker != _worker():
            # SECURITY: what was meant for the transaction must not be committed by itself.
            raise TransactionError(
                "the transaction that this task or thread was started in has ended; await it before the end, or start "
                "it outside"
            )
    return None


def _worker() -> tuple[int, object]:
    """Return who is working here: the thread and, in an event loop, the task."""
    task = asyncio.current_task() if is_on_event_loop() else None
    return threading.get_ident(), None if task is None else weakref.ref(task)


def _begin_root(engine: Engine) -> Transaction:
    connection = engine.connect()
    try:
        transaction = Transaction(engine, Pinned(connection), connection.begin())
    except BaseException:
        connection.close()
        raise
    _end_with_scope(transaction.pinned)
    return transaction


def _begin_nested(outer: Transaction) -> Transaction:
    with outer.pinned.turn() as connection:
        if not outer.is_open or outer.pinned.open[-1] is not outer:
            raise TransactionError(
                "transaction(): another task or thread of this request has one open inside the same transaction; "
                "nest them one after the other"
            )
        return Transaction(outer.engine, outer.pinned, connection.begin_nested())


def _end_with_scope(pinned: Pinned) -> None:
    """See to it that nothing stays open when the current request or message ends, if there is one."""
    scope = current_scope()
    if scope is None:
        return
    if Pinned not in scope.state:
        with suppress(RuntimeError):  # it has ended, and this is a task that goes on alone
            scope.on_end(partial(_abandon_all, scope.state.setdefault(Pinned, set())))
    scope.state.setdefault(Pinned, set()).add(pinned)
    scope.hold(pinned)
    pinned.scope = scope


def _abandon_all(pinned: set[Pinned]) -> None:
    for each in tuple(pinned):
        if not each.is_abandoned:
            _log.warning(
                "basedb: a transaction was still open at the end of its request or message, and is rolled back; "
                "write 'with database.transaction():', or call commit() or rollback()"
            )
        each.abandon()
