"""Which session is meant here: one for each request and connection, and what becomes of it in the end.

Asked by models and `Connector`. The sessions of a request end when its response is finished and its handler has
returned, those of a WebSocket's message when that has been handled. Outside of both they belong to the call of the pool
of threads, to the task, to the callback of the event loop, which end them, or to the thread, which must `remove` them.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from tornadopy.context import Scope, current_scope
from tornadopy.db.asynchronous import ScopedAsyncSession
from tornadopy.db.session import RoutingSession
from tornadopy.db.turns import Turn
from tornadopy.decorators.async_execute import pool
from tornadopy.exceptions import DatabaseSessionError
from tornadopy.utils.awaitables import complete
from tornadopy.utils.threadpool import call_of_this_thread

if TYPE_CHECKING:
    from tornadopy.db.connector import Database

__all__ = ["Sessions", "async_session", "join", "joined", "session", "sessions"]


class Sessions:
    """The sessions of one request, message, call, task, callback or thread.

    Args:
        scope: The request or message; None for the others, which are used by one thread alone.

    Attributes:
        is_ended: Whether the work is over, so that nobody would close another session.
    """

    def __init__(self, scope: Scope | None = None) -> None:
        self.is_ended = False
        self._scope = scope
        self._turn = Turn() if scope is not None else None
        self._sessions: dict[Database, RoutingSession] = {}
        self._async_sessions: set[ScopedAsyncSession] = set()
        self._holding: set[RoutingSession] = set()
        self._pinned: set[str] = set()
        self._has_been_in_thread = False

    def get(self, database: Database) -> RoutingSession:
        """Return the session of *database*; a new one, if there is none."""
        found = self._sessions.get(database)
        return self._sessions.setdefault(database, RoutingSession(database, self)) if found is None else found

    def open_async(self, database: Database, *, master: bool) -> ScopedAsyncSession:
        """Return a new asynchronous session of *database*, which ends with the others unless it is closed before."""
        opened = ScopedAsyncSession(database, self, master=master)
        self._async_sessions.add(opened)
        return opened

    def forget_async(self, session: ScopedAsyncSession) -> None:
        """Take note that *session* is closed."""
        self._async_sessions.discard(session)

    def remove(self, session: RoutingSession) -> None:
        """Close *session*, and forget it, and that it has to go to the master."""
        self._sessions.pop(session.database, None)
        self._pinned.discard(session.database.name)
        session.close()

    def take_turn(self) -> None:
        """Take the turn that the threads of a request have; wait for it in a thread.

        Raises:
            DatabaseSessionError: Waiting would stop the event loop.
        """
        if self._turn is not None:
            self._turn.take()
            self._has_been_in_thread = self._has_been_in_thread or call_of_this_thread() is not None

    def enter(self) -> None:
        """Take the turn for a session that somebody has kept.

        Raises:
            DatabaseSessionError: Waiting would stop the event loop, or the work is over.
        """
        self.take_turn()
        if self.is_ended:
            raise DatabaseSessionError(
                "the request that this session belongs to has ended; take a new one: Model.session"
            )

    def pin(self, name: str) -> None:
        """Let all sessions of the connection *name* go to its master."""
        self._pinned.add(name)

    def is_pinned(self, name: str) -> bool:
        """Whether the sessions of the connection *name* go to its master."""
        return name in self._pinned

    def note_holding(self, session: RoutingSession, *, is_holding: bool) -> None:
        """Take note that *session* holds a connection, or does not any more."""
        if is_holding:
            self._holding.add(session)
        else:
            self._holding.discard(session)
        if self._scope is not None:
            (self._scope.hold if self._holding else self._scope.let_go)(self)

    # The end

    def end(self) -> Awaitable[None] | None:
        """Roll back what is not committed, and give all connections back.

        Where threads have used the session this is done in a thread: one of them may still be at it.
        """
        is_free = self._turn is None or self._turn.try_take()
        if not is_free or self._async_sessions or (self._has_been_in_thread and self._holding):
            return self._aend()
        self.close()
        return None

    async def _aend(self) -> None:
        left_open = [each for each in self._async_sessions if not each.is_in_use]
        closing = [self.run(self.close), *(each.close() for each in left_open)]
        results = await complete(asyncio.gather(*closing, return_exceptions=True))
        errors = [each for each in results if isinstance(each, Exception)]
        if errors:
            raise ExceptionGroup("sessions could not be closed", errors)

    async def run(self, function: Callable[[], None]) -> None:
        """Call *function*, which uses the synchronous sessions, where nobody waits for it but the caller.

        That is a thread if threads have used the sessions; else the event loop's, where the handler has used them too.
        """
        if self._turn is None or (not self._has_been_in_thread and self._turn.try_take()):
            function()
        else:
            await complete(asyncio.wrap_future(pool.submit_urgently(self._run_in_turn, function)))

    def _run_in_turn(self, function: Callable[[], None]) -> None:
        self.take_turn()
        function()

    def close(self) -> None:
        """Close the synchronous sessions, in this thread."""
        self.is_ended = True
        if self._scope is not None:
            self._scope.state.pop(Sessions, None)
        sessions = list(self._sessions.values())
        self._sessions.clear()
        with ExitStack() as stack:  # each is closed even if another one fails
            for each in sessions:
                stack.callback(each.close)


class _Here(threading.local):
    """The sessions of the thread, and those of the call or the callback that it is running."""

    sessions: Sessions | None = None
    momentary: Sessions | None = None

    def end_moment(self) -> None:
        """Close those of the call or callback."""
        if self.momentary is not None:
            self.momentary.close()
            self.momentary = None


_here = _Here()
_of_tasks: weakref.WeakKeyDictionary[asyncio.Task[object], Sessions] = weakref.WeakKeyDictionary()


_joined: ContextVar[Mapping[Database, ScopedAsyncSession]] = ContextVar(
    "tornadopy.joined_sessions", default=MappingProxyType({})
)
"""The asynchronous sessions whose transactions whoever asks for a session here takes part in; `join` adds them."""


@contextmanager
def join(session: ScopedAsyncSession) -> Iterator[None]:
    """Let `async_session` give *session* to the code of the block and its tasks."""
    token = _joined.set({**_joined.get(), session.database: session})
    try:
        yield
    finally:
        _joined.reset(token)


def joined(database: Database) -> ScopedAsyncSession | None:
    """Return the session of *database* that has been joined here."""
    return _joined.get().get(database)


def session(database: Database) -> RoutingSession:
    """Return the session of *database* that is meant here.

    Raises:
        DatabaseSessionError: It is in use by a thread, and the event loop would have to wait.
    """
    while (found := _of_scope(current_scope())) is not None:
        found.take_turn()
        if not found.is_ended:  # it may have, while this thread waited
            return found.get(database)
    return _of_task_or_thread().get(database)


def sessions() -> Sessions:
    """Return the sessions that are meant here."""
    return _of_scope(current_scope()) or _of_task_or_thread()


def async_session(database: Database, *, master: bool = False) -> ScopedAsyncSession:
    """Return a new asynchronous session of *database*, or the one that has been joined here.

    Args:
        database: The named connection.
        master: Let its reads go to the master, too.
    """
    found = joined(database)
    if found is not None:
        return found
    of_scope = _of_scope(current_scope())
    return (of_scope or Sessions()).open_async(database, master=master)


def _of_scope(scope: Scope | None) -> Sessions | None:
    """Return the sessions of *scope*, unless it is over or there is none."""
    while scope is not None and not scope.is_ended:
        found: Sessions | None = scope.state.get(Sessions)
        if found is not None:
            return found
        ours = Sessions(scope)
        if scope.state.setdefault(Sessions, ours) is ours:  # else another thread has come first
            try:
                scope.on_end(ours.end)
            except RuntimeError:
                break  # it ended this moment
    return None


def _of_task_or_thread() -> Sessions:
    call, loop = call_of_this_thread(), _running_loop()
    if call is None and loop is not None and (task := asyncio.current_task(loop)) is not None:
        return _of_task(task)
    if call is None and loop is None:
        _here.sessions = _here.sessions or Sessions()
        return _here.sessions
    if _here.momentary is None:
        _here.momentary = Sessions()
        if call is not None:
            call.on_end(_here.end_moment)
        elif loop is not None:
            loop.call_soon(_here.end_moment)
    return _here.momentary


def _of_task(task: asyncio.Task[object]) -> Sessions:
    found = _of_tasks.get(task)
    if found is None:
        ours = found = _of_tasks[task] = Sessions()
        task.add_done_callback(lambda _task: ours.close())
    return found


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
