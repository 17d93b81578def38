"""From what `database` is given to the server that it means.

The public function of `tornadopy.db.basedb`. A named connection is looked up at each use, since it is that of the
current request's application; any other has a server of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError as UnreadableURL

from tornadopy.conf import settings
from tornadopy.db import scope
from tornadopy.db.basedb.database import Database
from tornadopy.db.configuration import MASTER, read_connection
from tornadopy.db.connector import Connector, make_node
from tornadopy.db.drivers import choose_drivers, missing_driver
from tornadopy.db.nodes import Node
from tornadopy.exceptions import ArgumentError, ConfigError

__all__ = ["database"]

PLACE = "basedb.database()"
DIALECTS = frozenset({"sqlite", "mysql", "mariadb", "postgresql"})


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
        MissingExtraError: No driver for the database is installed; the message names the extra.

    .. versionadded:: 2.0
    """
    keys = {"DRIVER": dbn, "DATABASE": db, "UID": user, "PASSWD": pw, "HOST": host, "PORT": port, "QUERY": options}
    given = {name: value for name, value in keys.items() if value not in (None, {})}
    if sum(map(bool, (dburl, connection, given))) > 1:
        raise ArgumentError("database(): give a URL, or a connection's name, or dbn, db and so on; not several of them")
    if not (dburl or given):
        return Database(_Named(connection or "default").node)
    if given and not (dbn and db):
        raise ArgumentError("database(): a connection needs dbn and db, such as database(dbn='sqlite', db='site.db')")
    _check_driver(_kind(dburl) if dburl else str(dbn))
    return Database(_Own({"URL": dburl} if dburl else given).node)


class _Named:
    """The master of a named connection of the settings."""

    def __init__(self, name: str) -> None:
        self._name = name

    def node(self) -> Node:
        database = Connector.conn_pool[self._name]
        if database.slaves:
            scope.sessions().pin(database.name)  # models read what has been written here
        return _served(database.master)


class _Own:
    """A server that no settings name, made when it is first used."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = {"ROLE": MASTER, **connection}
        self._lock = threading.Lock()
        self._node: Node | None = None

    def node(self) -> Node:
        with self._lock:
            if self._node is None:
                conf = settings.current()
                self._node = _served(make_node(conf, read_connection(conf, PLACE, self._connection)))
            return self._node


def _served(node: Node) -> Node:
    """Return *node* if its SQL is known here."""
    kind = node.config.url.get_backend_name()
    if kind not in DIALECTS:
        raise ConfigError(
            f"{node.config.path}: basedb serves sqlite, mysql, mariadb and postgresql, not {kind}; use "
            "tornadopy.db.dbalchemy there"
        )
    return node


def _kind(dburl: str) -> str:
    try:
        return make_url(dburl).drivername
    except (UnreadableURL, ValueError) as exc:
        raise ArgumentError(
            "database(): this is no URL; expected kind://user:password@host:port/database (special characters in user "
            "and password are written as %40 and the like)"
        ) from exc


def _check_driver(kind: str) -> None:
    if choose_drivers(kind).synchronous is None:
        raise missing_driver(PLACE, kind)
