"""The session for the event loop: SQLAlchemy's `AsyncSession` over the session that knows master and slaves.

Made by `tornadopy.db.scope`, which closes it at the end of its request if nobody has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.ext.asyncio import AsyncSession

from tornadopy.db.session import RoutingSession

if TYPE_CHECKING:
    from tornadopy.db.connector import Database
    from tornadopy.db.scope import Sessions

__all__ = ["ScopedAsyncSession"]


class ScopedAsyncSession(AsyncSession):
    """An asynchronous session of a named connection, to be used in an ``async with``.

    What it has loaded stays readable after a commit. The blocks of one session may lie within each other: the outermost
    one closes it.

    Args:
        database: The named connection.
        sessions: Those of the same request.
        master: Let its reads go to the master, too.

    .. versionadded:: 2.0
    """

    sync_session_class = RoutingSession
    sync_session: RoutingSession

    def __init__(self, database: Database, sessions: Sessions, *, master: bool = False) -> None:
        super().__init__(database=database, sessions=sessions, is_async=True, expire_on_commit=False)
        self.sync_session.always_master = master
        self.database = database
        self.sessions = sessions
        self._blocks = 0
        self._task: asyncio.Task[Any] | None = None

    def using_master(self) -> Self:
        """Let everything go to the master from here on, reads too, until the request, message or task ends."""
        self.sync_session.using_master()
        return self

    async def close(self) -> None:
        """Roll back what is not committed, and give the connection back."""
        try:
            await super().close()
        finally:
            self.sessions.forget_async(self)

    @property
    def is_in_use(self) -> bool:
        """Whether a task that goes on is inside an ``async with`` of this session, and will close it itself."""
        return self._blocks > 0 and self._task is not None and not self._task.done()

    async def __aenter__(self) -> Self:
        self._blocks += 1
        self._task = asyncio.current_task()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._blocks -= 1
        if not self._blocks:
            await super().__aexit__(*error)
