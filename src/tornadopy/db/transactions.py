"""Transactions around a piece of work: `atomic`.

Used by projects, on handlers, methods and functions or as a context manager. Knows sessions, and of the handler the
status of its answer.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast, overload

from sqlalchemy.orm import Session, SessionTransaction
from tornado.gen import is_coroutine_function
from tornado.web import Finish

from tornadopy.context import Scope, current_message, current_request, current_scope
from tornadopy.db import scope
from tornadopy.db.asynchronous import ScopedAsyncSession
from tornadopy.db.connector import Connector, Database
from tornadopy.db.session import RoutingSession
from tornadopy.exceptions import ArgumentError, DatabaseSessionError
from tornadopy.utils.awaitables import complete

__all__ = ["Atomic", "atomic"]

F = TypeVar("F", bound=Callable[..., Any])
_FAILURE = 500
_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


class _Named(Protocol):
    """A model."""

    __connection_name__: str


@overload
def atomic(work: F, /) -> F: ...
@overload
def atomic(*, using: str | type[_Named] = "default") -> Atomic: ...
@overload
def atomic(using: str, /) -> Atomic: ...
def atomic(work: Any = None, /, *, using: Any = "default") -> Any:
    """Commit what is done to a database when it succeeds, and roll it back otherwise.

    ::

        class Buy(WebHandler):
            @atomic
            async def post(self) -> None:
                async with Order.async_session() as session:
                    session.add(Order(…))

        with atomic() as session:  # in a synchronous function, in a thread too
            session.add(Order(…))

        async with atomic(using="shop") as session: ...

    It fails with any error, and with an answer of a status of 500 and above; Tornado's ``Finish`` is no error. Blocks
    lie within each other: an inner one is a savepoint. Everything in it goes to the master. An asynchronous block has
    two transactions: that of ``Model.async_session()``, and that of ``Model.session`` in threads and functions, if it
    is used.

    Args:
        work: A function, a method, or a handler class, whose ``get``, ``post``, … are meant; or a connection's name.
        using: A connection's name, or a model of it.

    Raises:
        ArgumentError: *work* is none of these.

    .. versionadded:: 2.0
    """
    if isinstance(work, str):
        using, work = work, None
    block = Atomic(using if isinstance(using, str) else using.__connection_name__)
    return block if work is None else block(work)


class Atomic:
    """What `atomic` returns: a decorator, a context manager and an asynchronous context manager.

    Args:
        using: The name of a connection.

    .. versionadded:: 2.0
    """

    def __init__(self, using: str = "default") -> None:
        self._using = using
        self._blocks: list[_Block] = []
        self._async_blocks: list[_AsyncBlock] = []

    def __enter__(self) -> RoutingSession:
        block = _Block(Connector.conn_pool[self._using].session)
        block.begin()
        self._blocks.append(block)
        return block.session

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._blocks.pop().end(_failure(error))

    async def __aenter__(self) -> ScopedAsyncSession:
        block = _AsyncBlock(self._using)
        session = await block.begin()
        self._async_blocks.append(block)
        return session

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._async_blocks.pop().end(_failure(error))

    def __call__(self, work: F) -> F:
        """Return *work* with a transaction around each call."""
        if inspect.isclass(work):
            return cast("F", self._decorate_class(work))
        _check(work)
        if inspect.iscoroutinefunction(work) or is_coroutine_function(work):
            return cast("F", self._decorate_async(work))
        return cast("F", self._decorate(work))

    def _decorate(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with Atomic(self._using):
                result = function(*args, **kwargs)
                if inspect.isawaitable(result):
                    _drop(result)
                    raise ArgumentError(
                        f"atomic: {function.__qualname__} returns something to await, and the block would end before "
                        "it is done: make it an 'async def', or put @atomic below @async_execute"
                    )
                return result

        return call

    def _decorate_async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            async with Atomic(self._using):
                return await function(*args, **kwargs)

        return call

    def _decorate_class(self, handler_class: type) -> type:
        own = [name for name in _METHODS if name in vars(handler_class)]
        if not (hasattr(handler_class, "SUPPORTED_METHODS") and own):
            raise ArgumentError(f"atomic: {handler_class.__qualname__} is no handler with methods of its own")
        for name in own:
            setattr(handler_class, name, self(vars(handler_class)[name]))
        return handler_class


def _check(work: Any) -> None:
    if not callable(work) or inspect.isgeneratorfunction(work) or inspect.isasyncgenfunction(work):
        raise ArgumentError(f"atomic: decorate a function, a method or a handler class, not {work!r}")


def _drop(result: Any) -> None:
    """Let go of something to await without a warning that nobody did."""
    for end in ("close", "cancel"):
        if hasattr(result, end):
            getattr(result, end)()
            return


def _failure(error: BaseException | None) -> BaseException | None:
    """Return *error*, unless it is Tornado's way to say that the answer is complete."""
    return None if isinstance(error, Finish) else error


def _has_failed(error: BaseException | None) -> bool:
    """Whether the work ended in an error, or the handler's answer is one."""
    handler = getattr(current_request.get(), "handler", None)
    return error is not None or (handler is not None and handler.get_status() >= _FAILURE)


class _Block:
    """A stretch of work of a synchronous session: its transaction, or a savepoint in it."""

    def __init__(self, session: RoutingSession) -> None:
        self.session = session
        self._savepoint: SessionTransaction | None = None

    def begin(self) -> None:
        self.session.using_master()
        if self.session.atomic_depth:
            self._savepoint = self.session.begin_nested()
        self.session.atomic_depth += 1

    def end(self, error: BaseException | None) -> None:
        self.session.atomic_depth -= 1
        if self._savepoint is not None:
            _end_savepoint(self._savepoint, has_failed=error is not None)
        elif _has_failed(error):
            self.session.rollback()
        else:
            _commit(self.session)


def _end_savepoint(savepoint: SessionTransaction, *, has_failed: bool) -> None:
    if has_failed:
        savepoint.rollback()
        return
    try:
        savepoint.commit()
    except BaseException:
        savepoint.rollback()  # what it could not write must not spoil the transaction around it
        raise


def _commit(session: RoutingSession) -> None:
    if session.is_spoilt:
        session.is_spoilt = False
        session.rollback()
        raise DatabaseSessionError(
            "another atomic() block of this request, in a task beside this one, has rolled back the session that both "
            "use: use 'async with Model.async_session()' in such tasks, which has a transaction for each block"
        )
    try:
        session.commit()
    except BaseException:
        session.rollback()
        raise


class _Twin:
    """A stretch of work of the synchronous session beside an asynchronous block; it may never be used."""

    def __init__(self, database: Database, *, is_nested: bool) -> None:
        self._is_nested = is_nested
        self._sessions = scope.sessions()
        self._session = self._sessions.get(database)
        self._savepoint: SessionTransaction | None = None

    async def begin(self) -> None:
        await self._sessions.run(self._begin)

    async def end(self, *, has_failed: bool) -> None:
        await self._sessions.run(functools.partial(self._end, has_failed=has_failed))

    def _begin(self) -> None:
        if self._is_nested and self._session.in_transaction():
            self._savepoint = self._session.begin_nested()
        self._session.atomic_depth += 1

    def _end(self, *, has_failed: bool) -> None:
        session = self._session
        session.atomic_depth -= 1
        if self._savepoint is not None:
            _end_savepoint(self._savepoint, has_failed=has_failed)
        elif has_failed:
            # NOTE: blocks beside this one, in tasks of the same request, lose what they have done with this session.
            session.is_spoilt = session.atomic_depth > 0 and not self._is_nested and session.in_transaction()
            Session.rollback(session)
        elif not session.atomic_depth:
            _commit(session)


class _AsyncBlock:
    """A stretch of work of an asynchronous session, and of the synchronous one that functions called in it use."""

    def __init__(self, using: str) -> None:
        self._database = Connector.conn_pool[using]
        self._stack = AsyncExitStack()

    async def begin(self) -> ScopedAsyncSession:
        outer = scope.joined(self._database)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_scope_of_its_own())
            self._session = await stack.enter_async_context(outer or scope.async_session(self._database, master=True))
            self._twin = _Twin(self._database, is_nested=outer is not None)
            await self._twin.begin()
            self._savepoint = await self._session.begin_nested() if outer is not None else None
            self._session.sync_session.using_master().atomic_depth += 1
            stack.enter_context(scope.join(self._session))
            self._stack = stack.pop_all()
        return self._session

    async def end(self, error: BaseException | None) -> None:
        has_failed = error is not None if self._savepoint is not None else _has_failed(error)
        self._session.sync_session.atomic_depth -= 1
        async with self._stack:
            await complete(self._end(has_failed=has_failed))

    async def _end(self, *, has_failed: bool) -> None:
        transaction = self._savepoint or self._session
        is_through = False
        try:
            if not has_failed:
                await transaction.commit()
                is_through = True
        finally:
            if not is_through:
                await transaction.rollback()
            await self._twin.end(has_failed=not is_through)


@asynccontextmanager
async def _scope_of_its_own() -> AsyncIterator[None]:
    """Outside of requests and messages, let the threads of functions called in the block share its sessions."""
    outer = current_scope()
    if outer is not None and not outer.is_ended:
        yield
        return
    own = Scope()
    token = current_message.set(own)
    try:
        yield
    finally:
        current_message.reset(token)
        await complete(own.end())
