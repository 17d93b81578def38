"""The databases that the tests of this folder run on, and applications over them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.testing import bind_unused_port

from support.server import SECRET
from support.servers import server_class
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.db.connector import Connections, Connector
from tornadopy.db.dbalchemy import Model


class Backend:
    """A database with the tables of `dbmodels`, empty.

    Args:
        name: ``sqlite``, ``mariadb`` or ``postgres``.
        connection: An entry of ``DATABASE_CONNECTION``.
        in_use: Tells which transactions are open on the server.
    """

    def __init__(self, name: str, connection: dict[str, Any], in_use: Callable[[], list[str]]) -> None:
        self.name = name
        self.connection = connection
        self.in_use = in_use

    def conf(self, *slaves: dict[str, Any], project: Path | str = "/", **values: Any) -> Settings:
        """Return settings with this database as the master, and *slaves*."""
        connections = {"default": {"connections": [self.connection, *slaves]}}
        return Settings(
            **{
                "PROJECT_PATH": str(project),
                "TORNADO_CONF": {"cookie_secret": SECRET},
                "DATABASE_CONNECTION": connections,
                **values,
            }
        )


class SQLiteFile:
    """An SQLite database in a file, asked about by a connection of the test's own."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def connection(self) -> dict[str, Any]:
        return {"ROLE": "master", "DRIVER": "sqlite", "DATABASE": str(self.file)}

    def in_use(self) -> list[str]:
        connection = sqlite3.connect(self.file, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return ["locked"]
        finally:
            connection.close()
        return []


def connections_of(conf: Settings) -> Connections:
    """Return the databases of *conf*, with the tables made."""
    connections = Connector.of(conf)
    Model.metadata.create_all(connections["default"].master.engine)
    return connections


@contextlib.asynccontextmanager
async def running(
    conf: Settings, handlers: list[Any], *, clients: int = 10, **options: Any
) -> AsyncIterator[Callable[..., Awaitable[HTTPResponse]]]:
    """Serve an application with *handlers* from start to stop; give a function that fetches a path of it."""
    application = Application(handlers, conf=conf, **options)
    await application.startup()
    sock, port = bind_unused_port()
    server = server_class()(application)
    server.add_socket(sock)
    client = AsyncHTTPClient(force_instance=True, max_clients=clients)

    async def fetch(path: str, **request: Any) -> HTTPResponse:
        return await client.fetch(
            f"http://127.0.0.1:{port}{path}",
            raise_error=False,
            **{"request_timeout": 100, "connect_timeout": 100, **request},
        )

    fetch.application = application  # type: ignore[attr-defined]
    fetch.port = port  # type: ignore[attr-defined]
    try:
        yield fetch
    finally:
        client.close()
        server.stop()
        await server.close_all_connections()
        await application.wait_until_idle()
        await application.shutdown()


def checked_out(connections: Connections) -> int:
    """Return how many connections of all pools are in use."""
    return sum(engine.pool.checkedout() for node in connections.nodes for engine in node.engines)


async def until(condition: Callable[[], Any], what: str, timeout: float = 10) -> None:
    """Return as soon as *condition* holds; fail if it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not condition():
        assert loop.time() < deadline, f"{what} did not come true within {timeout} s"
        await asyncio.sleep(0.005)


# NOTE: a server dies with the thread that has started it (`support.processes`), so this one lasts as long as the tests.
_STARTER = ThreadPoolExecutor(1)


async def aside(work: Callable[[], Any]) -> None:
    """Start or kill a server while the event loop serves on."""
    await asyncio.get_running_loop().run_in_executor(_STARTER, work)
