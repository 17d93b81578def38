"""The named connections of one application, and `Connector`, which finds those that are meant here.

Everything that talks to a database starts here: sessions and models, ``tornadopy.db.basedb``, migrations::

    database = Connector.conn_pool["default"]
    database.master.engine  # a sqlalchemy.Engine
    database.master.async_engine  # a sqlalchemy.ext.asyncio.AsyncEngine, of the running event loop

There is one `Connections` for each `Settings` object, so that two applications share nothing.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sqlalchemy import Engine, MetaData

from tornadopy.conf import Settings, settings
from tornadopy.db import metadata, scope, slowquery
from tornadopy.db.configuration import SLAVE, NodeConfig, read_connections
from tornadopy.db.nodes import Node
from tornadopy.db.pings import Pings
from tornadopy.db.replicas import Replicas
from tornadopy.db.session import RoutingSession
from tornadopy.exceptions import ConfigError
from tornadopy.utils.suggest import nearest

__all__ = ["Connections", "Connector", "Database", "make_node"]


class Database:
    """A named connection: its servers, its tables, and the session of whoever asks.

    Attributes:
        name: The key in ``DATABASE_CONNECTION``.
        replicas: Its servers.
        others: The databases of the same settings, this one among them.

    .. versionadded:: 2.0
    """

    def __init__(self, name: str, replicas: Replicas, others: Mapping[str, Database]) -> None:
        self.name = name
        self.replicas = replicas
        self.others = others

    @property
    def master(self) -> Node:
        """The server for writes."""
        return self.replicas.master

    @property
    def slaves(self) -> tuple[Node, ...]:
        """The servers for reads."""
        return self.replicas.slaves

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The engines for threads and scripts: ``master``, ``slave1``, ``slave2``, …."""
        slaves = {f"slave{number}": node.engine for number, node in enumerate(self.slaves, 1)}
        return MappingProxyType({"master": self.master.engine, **slaves})

    @property
    def metadata(self) -> MetaData:
        """The tables of the models with this ``__connection_name__``."""
        return metadata.of(self.name)

    @property
    def session(self) -> RoutingSession:
        """The session of the current request, message, task or thread."""
        return scope.session(self)

    def create_db(self) -> None:
        """Create the tables of the models that have been imported, where they are missing."""
        self.metadata.create_all(self.master.engine)

    def drop_db(self) -> None:
        """Drop the tables of the models that have been imported."""
        self.metadata.drop_all(self.master.engine)

    def __repr__(self) -> str:
        return f"<Database {self.name!r}: {', '.join(node.config.place for node in self.replicas)}>"


class Connections(Mapping[str, Database]):
    """The databases of one `Settings` object, by name; engines are made when they are first used.

    Args:
        conf: The settings.

    Raises:
        ConfigError: ``DATABASE_CONNECTION`` or ``SQLALCHEMY_CONFIGURATION`` cannot be understood.
        MissingExtraError: A driver is not installed.

    .. versionadded:: 2.0
    """

    def __init__(self, conf: Settings) -> None:
        self._databases = {
            name: Database(name, _replicas([make_node(conf, config) for config in configs]), self)
            for name, configs in read_connections(conf).items()
        }
        self._pings = Pings(self.nodes, interval=conf.PING_DB, count=conf.PING_CONN_COUNT)

    def __getitem__(self, name: str) -> Database:
        try:
            return self._databases[name]
        except KeyError:
            guess = nearest(str(name), self._databases)
            advice = f"did you mean {guess!r}?" if guess else f"there are {', '.join(map(repr, self._databases))}"
            raise ConfigError(f"DATABASE_CONNECTION has no connection {name!r}; {advice}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._databases

    def __iter__(self) -> Iterator[str]:
        return iter(self._databases)

    def __len__(self) -> int:
        return len(self._databases)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every server of every name."""
        return tuple(node for database in self._databases.values() for node in database.replicas)

    def start_pings(self) -> None:
        """Ping the connections of every pool, in one task of the running event loop."""
        self._pings.start()
        self._watch(is_watched=True)

    def dispose(self) -> None:
        """Close the connections for threads and scripts; the next use opens new ones."""
        for node in self.nodes:
            node.dispose()

    async def aclose(self) -> None:
        """End the pings; close the connections of this event loop and of threads. The next use opens new ones."""
        await self._pings.end()
        self._watch(is_watched=False)
        for node in self.nodes:
            await node.aclose()

    def _watch(self, *, is_watched: bool) -> None:
        for database in self._databases.values():
            database.replicas.is_watched = is_watched


def make_node(conf: Settings, config: NodeConfig) -> Node:
    """Return a server that is watched and survives a fork as *conf* and the process want it."""
    node = Node(config, slowquery.watcher(conf.SLOW_SYNC_QUERY) if conf.DEBUG else None)
    _NODES.add(node)
    return node


def _replicas(nodes: list[Node]) -> Replicas:
    return Replicas(nodes[0], [node for node in nodes if node.config.role == SLAVE])


class _Connector:
    """A view of the connections that are meant here: the current request's application's, else the process default's.

    .. versionadded:: 2.0
    """

    @property
    def conn_pool(self) -> Connections:
        """The databases by name.

        Raises:
            ConfigError: The settings of the databases cannot be understood.
            MissingExtraError: A driver is not installed.
        """
        return self.of(settings.current())

    def of(self, conf: Settings) -> Connections:
        """Return the databases of the settings *conf*."""
        found = _CONNECTIONS.get(conf)
        if found is None:
            with _LOCK:
                found = _CONNECTIONS.get(conf)
                if found is None:
                    found = _CONNECTIONS[conf] = Connections(conf)
                    weakref.finalize(conf, found.dispose)  # at the latest when the process ends
        return found

    def made_for(self, conf: Settings) -> Connections | None:
        """Return the databases of the settings *conf* if anybody has asked for them."""
        return _CONNECTIONS.get(conf)

    def __getitem__(self, name: str) -> Database:
        return self.conn_pool[name]

    def dispose(self) -> None:
        """Close the connections for threads and scripts; the next use opens new ones."""
        self.conn_pool.dispose()

    async def aclose(self) -> None:
        """Close the connections of this event loop and of threads; the next use opens new ones."""
        await self.conn_pool.aclose()


_CONNECTIONS: weakref.WeakKeyDictionary[Settings, Connections] = weakref.WeakKeyDictionary()
_NODES: weakref.WeakSet[Node] = weakref.WeakSet()
_LOCK = threading.RLock()

Connector = _Connector()
"""The databases: ``Connector.conn_pool["default"]``, ``Connector.conn_pool.items()``."""


def _forget_parent() -> None:
    """In a forked process, let the parent keep its connections."""
    for node in list(_NODES):
        node.forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
