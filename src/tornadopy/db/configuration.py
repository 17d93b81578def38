"""``DATABASE_CONNECTION`` and ``SQLALCHEMY_CONFIGURATION``, read once into what engines are made of.

Asked by `tornadopy.db.connector` and ``tornadopy check``; opens nothing. What the settings ask for and cannot get (an
option that SQLAlchemy has dropped, a driver that another one stands in for) becomes a note, not an error: a site of 1.x
keeps its settings.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sqlalchemy

from tornadopy.conf import Settings
from tornadopy.db.drivers import choose_drivers, missing_driver
from tornadopy.db.options import PREFIX, engine_options
from tornadopy.exceptions import ConfigError
from tornadopy.utils.masking import mask_query
from tornadopy.utils.suggest import nearest

__all__ = ["NodeConfig", "read_connection", "read_connections"]

MASTER, SLAVE = "master", "slave"
_DIALECTS = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
_MEMORY = (None, "", ":memory:")


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One connection of ``DATABASE_CONNECTION``: how one database server is reached.

    Attributes:
        path: Where it stands in the settings, for messages.
        role: ``master`` or ``slave``.
        url: Of the synchronous engine.
        options: Of the synchronous engine: keyword arguments of `sqlalchemy.create_engine`.
        async_url: Of the asynchronous engine; None if no driver for it is installed.
        async_options: Of the asynchronous engine.
        notes: What the settings ask for and do not get, in sentences.
    """

    path: str
    role: str
    url: sqlalchemy.URL = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    async_url: sqlalchemy.URL | None = field(repr=False)
    async_options: Mapping[str, Any] = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def is_in_memory(self) -> bool:
        """Whether it is an SQLite database that lives as long as this process holds it open."""
        return self.url.query.get("mode") == "memory"

    @property
    def place(self) -> str:
        """The server's address, without the password."""
        return mask_query(self.url.render_as_string(hide_password=True))


def read_connections(conf: Settings) -> Mapping[str, tuple[NodeConfig, ...]]:
    """Return the connections of each name in ``DATABASE_CONNECTION``, the master first.

    Raises:
        ConfigError: A name has no master, or more than one, or a connection cannot be understood.
        MissingExtraError: No driver for a connection is installed; the message names the extra.
    """
    return MappingProxyType(
        {
            name: _read_named(conf, f"DATABASE_CONNECTION[{name!r}]", entry["connections"])
            for name, entry in conf.DATABASE_CONNECTION.items()
        }
    )


def _read_named(conf: Settings, path: str, connections: Any) -> tuple[NodeConfig, ...]:
    nodes = [read_connection(conf, f"{path}.connections[{index}]", each) for index, each in enumerate(connections)]
    masters = [node for node in nodes if node.role == MASTER]
    if len(masters) != 1:
        found = f"{len(masters)} connections have" if masters else "no connection has"
        raise ConfigError(f"{path}: {found} the ROLE 'master'; exactly one must, the others are slaves")
    return (*masters, *(node for node in nodes if node.role == SLAVE))


def read_connection(conf: Settings, path: str, connection: Mapping[str, Any]) -> NodeConfig:
    """Return what one connection says.

    Args:
        conf: The settings, for the options that all connections share.
        path: Where the connection is written, for messages.
        connection: The keys of `tornadopy.conf.defaults.Connection`.

    Raises:
        ConfigError: It cannot be understood.
        MissingExtraError: No driver for it is installed; the message names the extra.
    """
    url = _placed(conf, _url(path, connection))
    drivers = choose_drivers(url.drivername)
    if drivers.synchronous is None:
        raise missing_driver(path, url.drivername)
    notes = [f"{path}.{'URL' if 'URL' in connection else 'DRIVER'}: {note}" for note in drivers.notes]
    async_url = url.set(drivername=drivers.asynchronous) if drivers.asynchronous else None
    url = url.set(drivername=drivers.synchronous)
    _check_dialect(path, url)
    # SECURITY: SQLAlchemy would write the values of a statement that fails into its error, and so into the log.
    wanted = {f"{PREFIX}hide_parameters": not conf.DEBUG, **conf.SQLALCHEMY_CONFIGURATION}
    options = engine_options(url, wanted)
    async_options = engine_options(async_url, wanted, is_async=True) if async_url else None
    return NodeConfig(
        path=path,
        role=connection["ROLE"],
        url=url,
        options=options.values,
        async_url=async_url,
        async_options=async_options.values if async_options else {},
        notes=(*notes, *options.notes),
    )


def _url(path: str, connection: Mapping[str, Any]) -> sqlalchemy.URL:
    if "URL" in connection:
        return _parse_url(f"{path}.URL", connection)
    for key in ("DRIVER", "DATABASE"):
        if key not in connection:
            raise ConfigError(f"{path}: the key {key!r} is missing; a connection needs URL, or DRIVER and DATABASE")
    return sqlalchemy.URL.create(
        connection["DRIVER"],
        username=connection.get("UID") or None,
        password=connection.get("PASSWD") or None,
        host=connection.get("HOST") or None,
        port=int(connection["PORT"]) if connection.get("PORT") else None,
        database=connection["DATABASE"] or None,
        query=dict(_texts(connection.get("QUERY", {}))),
    )


def _parse_url(path: str, connection: Mapping[str, Any]) -> sqlalchemy.URL:
    doubled = sorted(connection.keys() - {"ROLE", "URL"})
    if doubled:
        raise ConfigError(f"{path}: the URL says all; remove {doubled[0]!r}, or the URL")
    try:
        return sqlalchemy.make_url(connection["URL"])
    except (sqlalchemy.exc.ArgumentError, ValueError) as exc:
        raise ConfigError(
            f"{path}: this is no URL; expected driver://user:password@host:port/database "
            "(special characters in user and password are written as %40 and the like)"
        ) from exc


def _texts(query: Mapping[str, Any]) -> Iterator[tuple[str, str | list[str]]]:
    for name, value in query.items():
        if isinstance(value, bool):
            yield name, str(value).lower()
        else:
            yield name, list(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _check_dialect(path: str, url: sqlalchemy.URL) -> None:
    try:
        url.get_dialect()
    except sqlalchemy.exc.NoSuchModuleError as exc:
        guess = nearest(url.get_backend_name(), _DIALECTS)
        advice = f"did you mean {guess!r}?" if guess else "install the package that brings it"
        raise ConfigError(f"{path}: SQLAlchemy knows no driver {url.drivername!r}; {advice}") from exc


def _placed(conf: Settings, url: sqlalchemy.URL) -> sqlalchemy.URL:
    """Return the URL of an SQLite file with its whole path, that of one in memory with a name; others as they are."""
    if url.get_backend_name() != "sqlite":
        return url
    if url.database in _MEMORY:
        # NOTE: all connections of the process share it by this name; a plain ":memory:" is another one for each.
        memory = {"mode": "memory", "cache": "shared", "uri": "true"}
        return url.set(database=f"file:tornadopy-{secrets.token_hex(8)}").update_query_dict(memory)
    if url.database.startswith("file:"):
        return url
    return url.set(database=str(Path(conf.path(url.database))))
