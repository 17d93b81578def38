"""From what `database` was given to an engine."""

from __future__ import annotations

from typing import Any
from collections.abc import Mapping

from sqlalchemy import URL, create_engine, make_url, Engine, event
from tornadopy.db.basedb.database import Database


def find_database(dburl: str | None, connection: str | None, parts: Mapping[str, Any]) -> Database:
    engine = create_engine(dburl or f"sqlite:///{parts['db']}")
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def c(conn, rec):
            conn.isolation_level = None

        @event.listens_for(engine, "begin")
        def b(conn):
            conn.exec_driver_sql("BEGIN")

    return Database(lambda: engine)
