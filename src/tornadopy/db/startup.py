"""What an application looks at before it serves: the servers of its databases, and the connections its models name.

Called by `tornadopy.databases`. A server that refuses the connection stops the start; one that cannot be reached does
not, for it may come later, as after a power cut.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import registry

from tornadopy.db.connector import Connections
from tornadopy.db.dbalchemy.model import Model
from tornadopy.db.nodes import Node
from tornadopy.decorators.async_execute import pool
from tornadopy.exceptions import ConfigError
from tornadopy.utils.masking import mask_text

__all__ = ["check", "check_models"]

_log = logging.getLogger("tornadopy.tracelog")
_PATIENCE = 3.0  # seconds that a server has to accept a connection
_PORTS = {"mysql": 3306, "mariadb": 3306, "postgresql": 5432}


async def check(connections: Connections, apps: Iterable[str]) -> None:
    """Connect to every server once.

    Args:
        connections: The databases.
        apps: ``INSTALLED_APPS``, whose models are looked at.

    Raises:
        ConfigError: A server refuses the connection, a database does not exist, or a model names a connection that is
            not there.
        MissingExtraError: A driver is not installed.
    """
    check_models(connections, apps)
    checking = [asyncio.wrap_future(pool.submit(_check_node, node)) for node in connections.nodes]
    for error in await asyncio.gather(*checking, return_exceptions=True):  # all of them end before one is told
        if error is not None:
            raise error


def check_models(connections: Connections, apps: Iterable[str]) -> None:
    """Raise a `ConfigError` if a model of *apps* names a connection that is not there."""
    prefixes = tuple(f"{app}." for app in apps)
    models: registry = Model.registry
    for mapper in models.mappers:
        model = mapper.class_
        if f"{model.__module__}.".startswith(prefixes) and model.__connection_name__ not in connections:
            names = ", ".join(map(repr, connections))
            raise ConfigError(
                f"{model.__module__}.{model.__qualname__}: its __connection_name__ is {model.__connection_name__!r}, "
                f"and DATABASE_CONNECTION has {names}; correct the name, or add the connection"
            )


def _check_node(node: Node) -> None:
    config = node.config
    if config.url.get_backend_name() == "sqlite":
        _check_folder(node)
        return
    try:
        node.check()
    except DBAPIError as exc:
        reason = " ".join(mask_text(str(exc.orig)).split())
        if not _is_reachable(node):
            _log.error("%s: the database server %s cannot be reached: %s", config.path, config.place, reason)
            node.mark_out()
            return
        raise ConfigError(
            f"{config.path}: the database server {config.place} refuses the connection: {reason}; "
            "are UID, PASSWD, HOST, PORT and DATABASE right?"
        ) from exc


def _check_folder(node: Node) -> None:
    """Look whether an SQLite file could be there; it is made when it is first used."""
    config = node.config
    file = Path(config.url.database or "")
    if config.is_in_memory or str(file).startswith("file:"):
        return
    if not file.parent.is_dir():
        raise ConfigError(f"{config.path}: there is no folder {file.parent} for the database {file.name}; create it")


def _is_reachable(node: Node) -> bool:
    """Whether something accepts connections where the server should be."""
    url = node.config.url
    host, port = url.host or "127.0.0.1", url.port or _PORTS.get(url.get_backend_name())
    if port is None or host.startswith("/") or "unix_socket" in url.query:
        return True  # it cannot be told; the server's own words must do
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError:
        return False
    return True
