"""web.py's database module: SQL by hand, with every value bound, on the engines of `tornadopy.db`.

::

    from tornadopy.db.basedb import database

    db = database(connection="default")
    for article in db.select("articles", {"author": "Ann"}, where="author = $author", order="id DESC"):
        print(article.title)

See https://webpy.org/cookbook/ for the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornadopy.db.basedb.clauses import sqllist, sqlors, sqlwhere
from tornadopy.db.basedb.interpolation import reparam, sqlquote
from tornadopy.db.basedb.result import ResultSet
from tornadopy.db.basedb.sql import SQLLiteral, SQLParam, SQLQuery, sqlify

if TYPE_CHECKING:
    from tornadopy.db.basedb.database import Database

__all__ = [
    "ResultSet",
    "SQLLiteral",
    "SQLParam",
    "SQLQuery",
    "database",
    "reparam",
    "sqlify",
    "sqllist",
    "sqlliteral",
    "sqlors",
    "sqlparam",
    "sqlquery",
    "sqlquote",
    "sqlwhere",
]

sqlquery, sqlparam, sqlliteral = SQLQuery, SQLParam, SQLLiteral


def database(
    dburl: str | None = None,
    *,
    connection: str | None = None,
    dbn: str | None = None,
    db: str | None = None,
    user: str | None = None,
    pw: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    **options: Any,
) -> Database:
    """Return a database, named in one of three ways; nothing is connected to until it is used.

    ::

        database(connection="default")  # of DATABASE_CONNECTION; the same as database()
        database("postgresql://ann:secret@localhost/shop")
        database(dbn="mysql", db="shop", user="ann", pw="secret", host="localhost", charset="utf8mb4")

    Args:
        dburl: A URL.
        connection: A name in ``DATABASE_CONNECTION``; its master is used.
        dbn: The kind of database: ``sqlite``, ``mysql``, ``mariadb``, ``postgres``; a driver may be named after a
            ``+``.
        db: The name of the database, or SQLite's file.
        user: The user.
        pw: The password.
        host: The server.
        port: Its port.
        **options: What the driver takes beside them.

    Raises:
        ArgumentError: The ways are mixed, or the URL is none.
        MissingExtraError: SQLAlchemy or the driver is not installed.

    .. versionadded:: 2.0
    """
    from tornadopy.db.basedb.connecting import find_database  # noqa: PLC0415 - SQLAlchemy is optional

    parts = {"dbn": dbn, "db": db, "user": user, "pw": pw, "host": host, "port": port, **options}
    return find_database(dburl, connection, {name: part for name, part in parts.items() if part is not None})
