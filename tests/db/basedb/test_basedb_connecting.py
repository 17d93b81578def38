"""How a database is named, and what is said where that goes wrong."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from support.server import make_application, serving
from tornadopy.conf import Settings, settings
from tornadopy.db.basedb import Database, database
from tornadopy.db.connector import Connector
from tornadopy.exceptions import ArgumentError, ConfigError, MissingExtraError
from tornadopy.handler import WebHandler
from tornadopy.routing import Url


def sqlite(path: Any) -> dict[str, Any]:
    return {"connections": [{"ROLE": "master", "DRIVER": "sqlite", "DATABASE": str(path)}]}


def test_the_parts_of_a_connection(tmp_path: Path) -> None:
    with settings.override(PROJECT_PATH=str(tmp_path)):
        db = database(dbn="sqlite", db="site.db")
        db.query("CREATE TABLE a (b INTEGER)")
        assert (db.dbn, (tmp_path / "site.db").exists()) == ("sqlite", True)
        db.close()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (
            {"dbn": "postgres", "db": "shop", "user": "ann", "pw": "s:e/c@r", "host": "localhost", "port": 5433},
            "postgresql+psycopg://ann:s%3Ae%2Fc%40r@localhost:5433/shop",
        ),
        (
            {"dbn": "mysql+pymysql", "db": "shop", "user": "ann", "port": "3307", "charset": "utf8mb4"},
            "mysql+pymysql://ann@:3307/shop?charset=utf8mb4",
        ),
        ({"dbn": "mariadb+pymysql", "db": "shop", "host": "db.example"}, "mariadb+pymysql://db.example/shop"),
        ({"dburl": "postgres://ann@localhost/shop"}, "postgresql+psycopg://ann@localhost/shop"),
    ],
)
def test_the_engine_is_made_of_them(given: dict[str, Any], url: str) -> None:
    engine = database(**given).engine
    assert engine.url.render_as_string(hide_password=False) == url
    assert "s:e/c@r" not in repr(engine)


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    db = database(dbn="sqlite", db=":memory:")
    db.query("CREATE TABLE a (b INTEGER)")
    thread = threading.Thread(target=lambda: db.insert("a", b=1))
    thread.start()
    thread.join()
    assert db.select("a").first().b == 1
    db.close()


class TestNamed:
    def test_it_has_the_engine_of_the_connection(self, tmp_path: Path) -> None:
        connections = {"default": sqlite(tmp_path / "a"), "other": sqlite(tmp_path / "b")}
        default, other = database(), database(connection="other")
        with settings.override(DATABASE_CONNECTION=connections):
            assert default.engine is Connector.conn_pool["default"].master.engine
            assert other.engine is Connector.conn_pool["other"].master.engine
            Connector.dispose()

    def test_each_application_has_its_own(self, tmp_path: Path) -> None:
        """A database made when a module is imported is that of whichever application serves the request."""
        db = database(connection="default")

        class Page(WebHandler):
            def get(self) -> None:
                self.write(db.engine.url.database.rpartition("/")[2])

        for name in ("one", "two"):
            application = make_application(
                [Url()(r"/", Page)], DATABASE_CONNECTION={"default": sqlite(tmp_path / name)}
            )
            with serving(application) as site:
                assert site.get("/").body == name.encode()

    def test_an_unknown_name(self) -> None:
        db = database(connection="defualt")
        with pytest.raises(ConfigError, match="did you mean 'default'"):
            db.select("users")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dburl": "sqlite://", "connection": "default"}, "not several of them"),
        ({"dburl": "sqlite://", "dbn": "sqlite"}, "not several of them"),
        ({"connection": "default", "user": "x"}, "not several of them"),
        ({"dbn": "sqlite"}, "needs dbn and db"),
        ({"db": "x"}, "needs dbn and db"),
        ({"charset": "x"}, "needs dbn and db"),
        ({"dburl": "nonsense"}, "this is no URL"),
        ({"dburl": "postgres://ann:secret@localhost:port/x"}, "this is no URL"),
    ],
)
def test_what_names_no_database(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        database(**given)
    assert "secret" not in str(caught.value)


def test_an_unknown_kind() -> None:
    with pytest.raises(ConfigError, match="did you mean 'oracle'"):
        database(dbn="oracel", db="x").query("SELECT 1")


def test_a_kind_that_basedb_does_not_know() -> None:
    with pytest.raises(ConfigError, match="sqlite, mysql, mariadb and postgresql"):
        database("mssql+pyodbc://x/y").select("users")


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from tornadopy.exceptions import MissingExtraError

try:
    from tornadopy.db.basedb import database
    database(dbn={dbn!r}, db="x")
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "dbn", "extra"),
    [(["sqlalchemy"], "sqlite", "tornadopy[sqlite]")],
)
def test_what_is_not_installed_is_named(missing: list[str], dbn: str, extra: str) -> None:
    code = WITHOUT.format(missing=missing, dbn=dbn)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, extra in ended.stdout) == (0, True), ended.stderr


def test_a_missing_driver_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if "mysql" in name.lower() else find_spec(name, *rest)
    )
    with pytest.raises(MissingExtraError, match=r"tornadopy\[mysql\]"):
        database(dbn="mysql", db="x")


def test_settings_reach_the_pool(tmp_path: Path) -> None:
    with settings.override(SQLALCHEMY_CONFIGURATION={"sqlalchemy.pool_size": 3}, PROJECT_PATH=str(tmp_path)):
        db = database(dbn="sqlite", db="x")
        assert db.engine.pool.size() == 3  # type: ignore[attr-defined]
    assert isinstance(db, Database)
    assert Settings().SQLALCHEMY_CONFIGURATION == {}
    db.close()
