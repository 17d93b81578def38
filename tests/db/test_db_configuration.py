"""From the settings to URLs, drivers and options of engines; what cannot be had is noted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, SingletonThreadPool, StaticPool

from tornadopy.conf import Settings
from tornadopy.db.configuration import NodeConfig, read_connections
from tornadopy.db.connector import Connector
from tornadopy.db.drivers import choose_drivers
from tornadopy.db.nodes import Node
from tornadopy.db.pool import NeverOnTheLoopPool
from tornadopy.exceptions import ConfigError, MissingExtraError

SEED_OPTIONS = {
    "sqlalchemy.connect_args": {"connect_timeout": 3},
    "sqlalchemy.echo": False,
    "sqlalchemy.max_overflow": 10,
    "sqlalchemy.echo_pool": False,
    "sqlalchemy.pool_timeout": 5,
    "sqlalchemy.encoding": "utf-8",
    "sqlalchemy.pool_size": 100,
    "sqlalchemy.pool_recycle": 3600,
    "sqlalchemy.poolclass": "QueuePool",
}
SEED_CONNECTION = {
    "ROLE": "master",
    "DRIVER": "mysql+mysqldb",
    "UID": "root",
    "PASSWD": "",
    "HOST": "",
    "PORT": 3306,
    "DATABASE": "",
    "QUERY": {"charset": "utf8"},
}
SQLITE = {"ROLE": "master", "DRIVER": "sqlite", "DATABASE": "site.db"}


def read(*connections: dict[str, Any], **values: Any) -> tuple[NodeConfig, ...]:
    named = {"default": {"connections": list(connections)}}
    conf = Settings(**{"PROJECT_PATH": "/project", "DATABASE_CONNECTION": named, **values})
    return read_connections(conf)["default"]


def url(**connection: Any) -> str:
    (node,) = read({"ROLE": "master", **connection})
    return node.url.render_as_string(hide_password=False)


# URLs


def test_the_parts_of_a_connection_make_its_url() -> None:
    assert (
        url(
            DRIVER="postgresql",
            UID="me",
            PASSWD="p@ss/w:rd",
            HOST="db",
            PORT="5433",
            DATABASE="shop",
            QUERY={"a": True},
        )
        == "postgresql+psycopg://me:p%40ss%2Fw%3Ard@db:5433/shop?a=true"
    )
    assert url(DRIVER="mysql", UID=None, PASSWD=None, HOST=None, PORT=None, DATABASE="shop", QUERY={"n": [1, 2]}) == (
        "mysql+pymysql:///shop?n=1&n=2"
    )


def test_the_seeds_connection() -> None:
    """An empty password, host and database are those of nobody, the local machine and none."""
    master, slave = read(SEED_CONNECTION, {**SEED_CONNECTION, "ROLE": "slave"}, SQLALCHEMY_CONFIGURATION=SEED_OPTIONS)
    assert str(master.url) == "mysql+pymysql://root@:3306?charset=utf8"
    assert str(master.async_url) == "mysql+asyncmy://root@:3306?charset=utf8"
    assert (master.role, slave.role) == ("master", "slave")
    assert master.options["connect_args"] == {"connect_timeout": 3}
    assert "mysqlclient is not installed, so pymysql serves in its place" in master.notes[0]
    assert "['sqlalchemy.encoding']: SQLAlchemy 2 has dropped this option" in master.notes[1]
    assert Node(master).engine.pool.size() == 100


def test_a_url_is_the_short_form() -> None:
    assert url(URL="postgresql://me:secret@db/shop?sslmode=require") == (
        "postgresql+psycopg://me:secret@db/shop?sslmode=require"
    )
    assert url(URL="postgres://db/shop") == "postgresql+psycopg://db/shop"
    assert url(URL="mysql+aiomysql://db/shop") == "mysql+pymysql://db/shop"


@pytest.mark.parametrize(
    ("connection", "file"),
    [
        ({"DRIVER": "sqlite", "DATABASE": "site.db"}, "/project/site.db"),
        ({"URL": "sqlite:///data/site.db"}, "/project/data/site.db"),
        ({"DRIVER": "sqlite", "DATABASE": Path("site.db")}, "/project/site.db"),
        ({"URL": "sqlite:////tmp/site.db"}, "/tmp/site.db"),
        ({"URL": "sqlite+aiosqlite:///site.db"}, "/project/site.db"),
        ({"DRIVER": "sqlite", "DATABASE": "file:site.db?mode=ro&uri=true"}, "file:site.db?mode=ro&uri=true"),
    ],
)
def test_a_relative_path_of_sqlite_starts_at_the_project(connection: dict[str, Any], file: str) -> None:
    (node,) = read({"ROLE": "master", **connection})
    assert (node.url.drivername, node.url.database) == ("sqlite+pysqlite", file)
    assert node.async_url is not None
    assert (node.async_url.drivername, node.async_url.database) == ("sqlite+aiosqlite", file)


@pytest.mark.parametrize("connection", [{"URL": "sqlite://"}, {"DRIVER": "sqlite", "DATABASE": ":memory:"}])
def test_a_database_in_memory_is_one_for_threads_and_event_loop(connection: dict[str, Any]) -> None:
    conf = Settings(
        PROJECT_PATH="/", DATABASE_CONNECTION={"default": {"connections": [{"ROLE": "master", **connection}]}}
    )
    node = Connector.of(conf)["default"].master
    with node.engine.begin() as sync_connection:
        sync_connection.execute(text("CREATE TABLE t (a)"))
        sync_connection.execute(text("INSERT INTO t VALUES (1)"))
    node.engine.pool.dispose()  # the database outlives the pool's connections

    async def main() -> list[int]:
        async with node.async_engine.connect() as connection:
            found = list(await connection.scalars(text("SELECT a FROM t")))
        await node.aclose()
        return found

    assert asyncio.run(main()) == [1]
    with node.engine.connect() as sync_connection:  # after the end it is another one
        assert sync_connection.scalar(text("SELECT count(*) FROM sqlite_master")) == 0
    node.dispose()


# Drivers


@pytest.mark.parametrize(
    ("wanted", "synchronous", "asynchronous", "notes"),
    [
        ("sqlite", "sqlite+pysqlite", "sqlite+aiosqlite", 0),
        ("postgresql", "postgresql+psycopg", "postgresql+psycopg", 0),
        ("postgresql+psycopg2", "postgresql+psycopg", "postgresql+psycopg", 1),
        ("postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg", 0),
        ("postgres", "postgresql+psycopg", "postgresql+psycopg", 1),
        ("mysql", "mysql+pymysql", "mysql+asyncmy", 0),
        ("mysql+aiomysql", "mysql+pymysql", "mysql+aiomysql", 0),
        ("MySQL+mysqldb", "mysql+pymysql", "mysql+asyncmy", 1),
        ("mariadb+pymysql", "mariadb+pymysql", "mariadb+asyncmy", 0),
        ("mysql+mysqlconnector", "mysql+mysqlconnector", None, 0),
        ("oracle+oracledb", "oracle+oracledb", None, 0),
    ],
)
def test_which_drivers_serve(wanted: str, synchronous: str, asynchronous: str | None, notes: int) -> None:
    found = choose_drivers(wanted)
    assert (found.synchronous, found.asynchronous, len(found.notes)) == (synchronous, asynchronous, notes)


WITHOUT = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from tornadopy.exceptions import MissingExtraError
try:
    {code}
except MissingExtraError as error:
    print(error)
"""


def without(missing: set[str], code: str) -> str:
    """Run *code* where some modules cannot be imported; return what is printed."""
    script = WITHOUT.format(missing=missing, code=code)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


CONNECT = (
    "from tornadopy.conf import Settings; from tornadopy.db.connector import Connector; import asyncio; "
    "x = lambda url: Connector.of(Settings(PROJECT_PATH='/', DATABASE_CONNECTION={'default': {'connections': "
    "[{'ROLE': 'master', 'URL': url}]}}))['default'].master; "
)


@pytest.mark.parametrize(
    ("missing", "url", "extra"),
    [
        ({"psycopg", "psycopg2"}, "postgresql://db/shop", "tornadopy[postgres]"),
        ({"pymysql", "MySQLdb"}, "mysql://db/shop", "tornadopy[mysql]"),
        ({"pymysql", "MySQLdb"}, "mysql+mysqldb://db/shop", "tornadopy[mysql]"),
    ],
)
def test_a_missing_driver_names_its_extra(missing: set[str], url: str, extra: str) -> None:
    said = without(missing, CONNECT + f"x({url!r})")
    assert f"install the extra {extra}" in said
    assert "DATABASE_CONNECTION['default'].connections[0]: no driver" in said


def test_a_missing_driver_of_another_database_is_its_users_to_install() -> None:
    """A database that SQLAlchemy knows, and this framework has no extra for."""
    (config,) = read({"ROLE": "master", "URL": "oracle+cx_oracle://me:hunter2@db/shop"})
    with pytest.raises(
        MissingExtraError, match="no driver for 'oracle\\+cx_oracle'; install the package that brings it"
    ):
        _ = Node(config).engine


@pytest.mark.parametrize(
    ("missing", "url", "extra"),
    [
        ({"aiosqlite"}, "sqlite:///x.db", "tornadopy[sqlite]"),
        ({"asyncmy", "aiomysql"}, "mysql://db/shop", "tornadopy[mysql]"),
    ],
)
def test_a_missing_asynchronous_driver_is_an_error_where_it_is_used(missing: set[str], url: str, extra: str) -> None:
    said = without(missing, _asynchronously(url))
    assert said.startswith("made\n")
    assert f"install the extra {extra}" in said
    assert "no asynchronous driver" in said


def _asynchronously(url: str) -> str:
    lines = [
        CONNECT + f"node = x({url!r}); node.engine; print('made')",
        "async def use(): node.async_engine",
        "asyncio.run(use())",
    ]
    return "\n    ".join(lines)


def test_sqlalchemy_itself_missing_names_the_extras() -> None:
    said = without({"sqlalchemy"}, "import tornadopy.db.dbalchemy")
    assert "tornadopy[sqlite], tornadopy[mysql] or tornadopy[postgres]" in said


# Options


def test_the_options_of_the_seed_on_sqlite() -> None:
    (node,) = read(SQLITE, SQLALCHEMY_CONFIGURATION=SEED_OPTIONS)
    assert [note.partition(":")[0] for note in node.notes] == [
        "SQLALCHEMY_CONFIGURATION['sqlalchemy.encoding']",
        "SQLALCHEMY_CONFIGURATION['sqlalchemy.connect_args']['connect_timeout']",
    ]
    pool = Node(node).engine.pool
    assert isinstance(pool, NeverOnTheLoopPool)
    assert (pool.size(), pool.timeout()) == (100, 5)


@pytest.mark.parametrize(
    ("named", "in_threads", "in_loop"),
    [
        (None, NeverOnTheLoopPool, AsyncAdaptedQueuePool),
        ("QueuePool", NeverOnTheLoopPool, AsyncAdaptedQueuePool),
        ("AsyncAdaptedQueuePool", NeverOnTheLoopPool, AsyncAdaptedQueuePool),
        ("NullPool", NullPool, NullPool),
        (StaticPool, StaticPool, StaticPool),
        ("sqlalchemy.pool.SingletonThreadPool", SingletonThreadPool, AsyncAdaptedQueuePool),
    ],
)
def test_pools_are_found_by_name(named: Any, in_threads: type, in_loop: type) -> None:
    options = {"sqlalchemy.poolclass": named} if named else {}
    (node,) = read(SQLITE, SQLALCHEMY_CONFIGURATION=options)
    assert node.options["poolclass"] is in_threads
    assert node.async_options["poolclass"] is in_loop
    Node(node).engine.dispose()


@pytest.mark.parametrize("driver", ["postgresql", "mysql"])
def test_a_server_has_ten_seconds_to_accept_a_connection_unless_told_otherwise(driver: str) -> None:
    (node,) = read({"ROLE": "master", "URL": f"{driver}://db/shop"})
    assert node.options["connect_args"] == node.async_options["connect_args"] == {"connect_timeout": 10}
    (node,) = read({"ROLE": "master", "URL": f"{driver}://db/shop?connect_timeout=3"})
    assert node.options["connect_args"] == {}
    options = {"sqlalchemy.connect_args": {"connect_timeout": 4}}
    (node,) = read({"ROLE": "master", "URL": f"{driver}://db/shop"}, SQLALCHEMY_CONFIGURATION=options)
    assert node.options["connect_args"] == {"connect_timeout": 4}


def test_any_option_of_the_engine_reaches_it() -> None:
    options = {
        "sqlalchemy.json_serializer": json.dumps,
        "sqlalchemy.hide_parameters": True,
        "sqlalchemy.execution_options": {"a": 1},
        "sqlalchemy.isolation_level": "SERIALIZABLE",
        "pool_pre_ping": False,
    }
    (node,) = read(SQLITE, SQLALCHEMY_CONFIGURATION=options)
    engine = Node(node).engine
    assert node.notes == ()
    assert (engine.hide_parameters, engine.get_execution_options()["a"]) == (True, 1)
    assert not engine.pool._pre_ping


def test_options_that_a_pool_or_a_database_does_not_know_are_noted() -> None:
    options = {"sqlalchemy.poolclass": "NullPool", "sqlalchemy.pool_size": 3, "sqlalchemy.pool_recyle": 9,
               "sqlalchemy.client_encoding": "utf8"}  # fmt: skip
    (node,) = read(SQLITE, SQLALCHEMY_CONFIGURATION=options)
    assert len(node.notes) == 3
    assert (
        "['sqlalchemy.pool_recyle']: sqlite and its pool know no such option, it is left out; did you mean"
        in (node.notes[1])
    )
    assert "'sqlalchemy.pool_recycle'" in node.notes[1]
    Node(node).engine.dispose()


@pytest.mark.parametrize(
    ("connections", "options", "message"),
    [
        ([{**SQLITE, "ROLE": "slave"}], {}, "no connection has the ROLE 'master'"),
        ([SQLITE, SQLITE], {}, "2 connections have the ROLE 'master'"),
        ([{"ROLE": "master", "DRIVER": "sqlite"}], {}, "the key 'DATABASE' is missing"),
        ([{"ROLE": "master", "DATABASE": "x"}], {}, "the key 'DRIVER' is missing"),
        ([{"ROLE": "master", "URL": "no url"}], {}, r"connections\[0\].URL: this is no URL"),
        ([{"ROLE": "master", "URL": "sqlite://", "HOST": "x"}], {}, "the URL says all; remove 'HOST'"),
        ([{**SQLITE, "DRIVER": "postgrsql"}], {}, "knows no driver 'postgrsql'; did you mean 'postgresql'"),
        ([{**SQLITE, "DRIVER": "xyz"}], {}, "knows no driver 'xyz'; install the package"),
        ([SQLITE], {"sqlalchemy.poolclass": "QuePool"}, "there is no pool 'QuePool'; did you mean 'QueuePool'"),
        ([SQLITE], {"sqlalchemy.poolclass": "json.dumps"}, "is no pool; name a class of sqlalchemy.pool"),
        ([SQLITE], {"sqlalchemy.poolclass": "nowhere.Pool"}, "cannot import 'nowhere.Pool'"),
    ],
)
def test_what_cannot_be_understood(connections: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(*connections, SQLALCHEMY_CONFIGURATION=options)


def test_an_option_with_a_wrong_value_names_its_connection() -> None:
    (node,) = read(SQLITE, SQLALCHEMY_CONFIGURATION={"sqlalchemy.plugins": ["nonsense"]})
    with pytest.raises(ConfigError, match=r"connections\[0\]: SQLAlchemy makes no engine of it"):
        _ = Node(node).engine


def test_a_password_is_never_shown() -> None:
    (node,) = read({"ROLE": "master", "URL": "postgresql://me:hunter2@db/shop"})
    shown = [node.place, repr(node), repr(Node(node).engine), repr(Connector)]
    assert not any("hunter2" in text for text in shown), shown
    (node,) = read({"ROLE": "master", "URL": "postgresql://me@db/shop?password=hunter2&sslmode=require"})
    assert node.place == "postgresql+psycopg://me@db/shop?password=********&sslmode=require"
    assert "hunter2" not in repr(node)
    with pytest.raises(ConfigError) as raised:
        read({"ROLE": "master", "URL": "postgresql//me:hunter2@db/shop"})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("debug", "options", "shown"), [(False, {}, 0), (True, {}, 1), (False, {"hide_parameters": False}, 1)]
)
def test_the_values_of_a_statement_that_fails_are_shown_in_debug_alone(
    debug: bool, options: dict[str, Any], shown: int
) -> None:
    (node,) = read(
        {"ROLE": "master", "URL": "sqlite://"},
        DEBUG=debug,
        SQLALCHEMY_CONFIGURATION={f"sqlalchemy.{name}": value for name, value in options.items()},
    )
    engine = Node(node).engine
    with engine.connect() as connection, pytest.raises(OperationalError) as raised:
        connection.execute(text("INSERT INTO nowhere VALUES (:password)"), {"password": "hunter2"})
    engine.dispose()
    assert str(raised.value).count("hunter2") == shown
