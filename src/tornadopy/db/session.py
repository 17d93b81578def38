"""The session that reads from a slave and writes to the master.

Made by `tornadopy.db.scope`. The asynchronous session drives one of these too, so that both go the same ways. Which
server answers is decided statement by statement, in `RoutingSession.get_bind`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import CompoundSelect, Connection, Engine, Select, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import FromStatement, Mapper, Session, SessionTransaction

from tornadopy.db.query import ModelQuery
from tornadopy.exceptions import DatabaseSessionError

if TYPE_CHECKING:
    from tornadopy.db.connector import Database
    from tornadopy.db.nodes import Node
    from tornadopy.db.scope import Sessions

__all__ = ["RoutingSession"]


class RoutingSession(Session):
    """A session of a named connection.

    ``SELECT`` goes to a slave. Everything else, textual SQL and ``SELECT … FOR UPDATE`` among it, goes to the master,
    and so does whatever comes after it, so that a request reads what it has written.

    Args:
        database: The named connection.
        sessions: Those of the same request, message, task or thread.
        is_async: Whether the engines are those of the event loop.
        **options: SQLAlchemy's.

    Attributes:
        always_master: Whether its reads go to the master, whatever the others do.
        atomic_depth: How many blocks of `tornadopy.db.atomic` the work is in.
        is_spoilt: Whether one of several such blocks has rolled back the work of the others.

    .. versionadded:: 2.0
    """

    def __init__(self, database: Database, sessions: Sessions, *, is_async: bool = False, **options: Any) -> None:
        super().__init__(query_cls=ModelQuery, **options)
        self.database = database
        self.sessions = sessions
        self.atomic_depth = 0
        self.always_master = False
        self.is_spoilt = False
        self._is_async = is_async
        self._readers: dict[str, Node] = {}

    def using_master(self) -> Self:
        """Let everything go to the master from here on, reads too, until the request, message, task or thread ends."""
        self.sessions.pin(self.database.name)
        return self

    def remove(self) -> None:
        """Roll back what is not committed, give the connection back, and forget this session."""
        self.sessions.remove(self)

    def commit(self) -> None:
        """Commit, as SQLAlchemy's; inside `atomic` the block does that.

        Raises:
            DatabaseSessionError: The work is inside `atomic`.
        """
        self._refuse_inside_atomic("commit")
        super().commit()

    def rollback(self) -> None:
        """Roll back, as SQLAlchemy's; inside `atomic` an error does that.

        Raises:
            DatabaseSessionError: The work is inside `atomic`.
        """
        self._refuse_inside_atomic("rollback")
        super().rollback()

    def _refuse_inside_atomic(self, call: str) -> None:
        if self.atomic_depth:
            raise DatabaseSessionError(
                f"{call}() inside atomic(): the block itself commits at its end, and rolls back when it is left by an "
                "error; leave the call out, or take the work out of the block"
            )

    # Which server

    def get_bind(
        self, mapper: Any = None, *, clause: Any = None, bind: Any = None, **_options: Any
    ) -> Engine | Connection:
        """Return the engine of the server that a statement goes to."""
        if not self._is_async:
            self.sessions.enter()
        if bind is not None:
            found: Engine | Connection = bind
            return found
        return self._engine_of(self._node(self._database_of(mapper), clause))

    def _database_of(self, mapper: Any) -> Database:
        if mapper is None:
            return self.database
        entity = mapper.class_ if isinstance(mapper, Mapper) else mapper
        name: str = getattr(entity, "__connection_name__", self.database.name)
        return self.database if name == self.database.name else self.database.others[name]

    def _node(self, database: Database, clause: Any) -> Node:
        if not database.slaves:
            return database.master
        if self._flushing or not _is_read(clause):
            self.sessions.pin(database.name)
        if self.always_master or self.sessions.is_pinned(database.name):
            return database.master
        return self._reader(database)

    def _reader(self, database: Database) -> Node:
        """Return the slave that this session reads from, always the same one as long as it answers."""
        node = self._readers.get(database.name)
        if node is None or node.out_since is not None:
            node = self._readers[database.name] = database.replicas.reader()
        return node

    def _engine_of(self, node: Node) -> Engine:
        return node.async_engine.sync_engine if self._is_async else node.engine

    def _connection_for_bind(self, engine: Engine | Connection, *args: Any, **kwargs: Any) -> Connection:
        # NOTE: the one place where a session checks a connection out; a read whose slave is gone asks the next one.
        # tests/db/test_db_replicas.py holds this.
        silent: set[Node] = set()
        while True:
            try:
                return super()._connection_for_bind(engine, *args, **kwargs)
            except DBAPIError:
                instead = self._instead_of(engine, silent)
                if instead is None:
                    raise
                engine = instead

    def _instead_of(self, engine: Engine | Connection, silent: set[Node]) -> Engine | None:
        """Return the engine to ask instead of *engine*, if that is of a slave which is away; add this to *silent*."""
        for name, node in self._readers.items():
            if node.out_since is not None and self._engine_of(node) is engine:
                database = self.database if name == self.database.name else self.database.others[name]
                if node is not database.master:
                    silent.add(node)
                    instead = self._readers[name] = database.replicas.reader(without=silent)
                    return self._engine_of(instead)
        return None


def _is_read(clause: Any) -> bool:
    """Whether *clause* reads and does nothing else, as far as can be told without asking the server."""
    if isinstance(clause, FromStatement):
        clause = clause.element
    if isinstance(clause, Select):
        return clause._for_update_arg is None
    return isinstance(clause, CompoundSelect)


@event.listens_for(RoutingSession, "after_begin")
def _note_connection(session: RoutingSession, _transaction: SessionTransaction, _connection: Connection) -> None:
    session.sessions.note_holding(session, is_holding=True)


@event.listens_for(RoutingSession, "after_transaction_end")
def _note_end(session: RoutingSession, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.sessions.note_holding(session, is_holding=False)
