"""What is wrong with the databases shows at the start, in one line with its mend."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from dbbackends import Backend, checked_out
from sqlalchemy import Column, String

from serving import Project
from support.processes import free_port
from tornadopy.application import Application
from tornadopy.conf import Settings
from tornadopy.db.connector import Connector
from tornadopy.db.dbalchemy import Model
from tornadopy.db.startup import check_models
from tornadopy.exceptions import ConfigError
from tornadopy.management.checks import find_problems

MIDDLEWARE = "tornadopy.middleware.dbalchemy.DBAlchemyMiddleware"


def start(conf: Settings) -> None:
    """Build an application, start and stop it."""

    async def main() -> None:
        application = Application([], conf=conf)
        await application.startup()
        assert application.databases.connections is not None
        assert not checked_out(application.databases.connections)
        await application.shutdown()

    asyncio.run(main())


def test_an_application_starts_with_its_databases(backend: Backend) -> None:
    start(backend.conf())


@pytest.mark.parametrize(
    "changes",
    [{"PASSWD": "wrong"}, {"UID": "nobody"}, {"DATABASE": "nowhere"}],
    ids=["password", "user", "database"],
)
@pytest.mark.parametrize("role", ["master", "slave"])
def test_a_server_that_refuses_us_stops_the_start(server: Backend, changes: dict[str, str], role: str) -> None:
    wrong = {**server.connection, **changes, "ROLE": role}
    connections = [wrong] if role == "master" else [server.connection, wrong]
    conf = server.conf(DATABASE_CONNECTION={"default": {"connections": connections}})
    place = rf"DATABASE_CONNECTION\['default'\].connections\[{len(connections) - 1}\]"
    with pytest.raises(
        ConfigError, match=rf"{place}: the database server .* refuses the connection: .*PASSWD"
    ) as raised:
        start(conf)
    assert "\n" not in str(raised.value)
    assert server.connection["PASSWD"] not in str(raised.value)


@pytest.mark.parametrize("role", ["master", "slave"])
def test_a_server_that_is_not_there_is_waited_for(server: Backend, role: str, caplog: pytest.LogCaptureFixture) -> None:
    """It may come later; the log says that it is away."""
    away = {**server.connection, "PORT": free_port(), "ROLE": role}
    connections = [away] if role == "master" else [server.connection, away]
    start(server.conf(DATABASE_CONNECTION={"default": {"connections": connections}}))
    assert f"connections[{len(connections) - 1}]: the database server" in caplog.text
    assert "cannot be reached" in caplog.text


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    connection = {"ROLE": "master", "DRIVER": "sqlite", "DATABASE": "nowhere/site.db"}
    conf = Settings(
        PROJECT_PATH=str(tmp_path), DATABASE_CONNECTION={"default": {"connections": [connection]}}, DEBUG=True
    )
    with pytest.raises(ConfigError, match=f"there is no folder {tmp_path}/nowhere for the database site.db; create it"):
        asyncio.run(_startup(conf))


async def _startup(conf: Settings) -> None:
    Connector.of(conf)
    await Application([], conf=conf, debug=False).startup()


@pytest.mark.parametrize(
    ("connections", "message"),
    [
        ([{"ROLE": "slave", "DRIVER": "sqlite", "DATABASE": "x"}], "no connection has the ROLE 'master'"),
        ([{"ROLE": "master", "DRIVER": "postgrsql", "DATABASE": "x"}], "did you mean 'postgresql'"),
    ],
)
def test_with_the_middleware_mistakes_show_when_the_application_is_built(connections: Any, message: str) -> None:
    conf = Settings(MIDDLEWARE_CLASSES=[MIDDLEWARE], DATABASE_CONNECTION={"default": {"connections": connections}})
    with pytest.raises(ConfigError, match=message):
        Application([], conf=conf)


def test_a_model_of_an_installed_app_with_a_connection_that_is_not_there(sqlite: Backend) -> None:
    class Lost(Model):
        __module__ = "shop.models"
        __tablename__ = "lost"
        __connection_name__ = "elsewhere"

        id = Column(String(5), primary_key=True)

    connections = Connector.of(sqlite.conf())
    check_models(connections, ["blog", "shop.models.inner"])  # the model is not theirs
    with pytest.raises(ConfigError, match=r"shop.models.*Lost: its __connection_name__ is 'elsewhere'.* has 'default'"):
        check_models(connections, ["blog", "shop"])


def test_an_application_without_a_database_opens_none(tmp_path: Path) -> None:
    """The default database is a file that is made when it is first used."""
    conf = Settings(PROJECT_PATH=str(tmp_path), TORNADO_CONF={"cookie_secret": "x" * 32})

    async def main() -> None:
        application = Application([], conf=conf)
        await application.startup()
        assert application.databases.connections is None
        await application.shutdown()

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


PROJECT = {
    "runserver.py": """
        from tornadopy.webserver import run
        if __name__ == "__main__":
            run()
    """,
    "settings/__init__.py": "",
    "settings/setting.py": """
        TORNADO_CONF = {"cookie_secret": "4rZ2x0hJ9kQm7VtPw1LdBn6YsUeGcA8f"}
        INSTALLED_APPS = ["shop"]
        MIDDLEWARE_CLASSES = ["tornadopy.middleware.dbalchemy.DBAlchemyMiddleware"]
        DATABASE_CONNECTION = {"default": {"connections": [{"ROLE": "master", "URL": "sqlite:///none/x.db"}]}}
    """,
    "shop/__init__.py": "",
    "shop/urls.py": "from tornadopy import route\nurls = route()\n",
}


def test_a_project_ends_with_one_line_and_status_1(tmp_path: Path) -> None:
    ended = Project(tmp_path, PROJECT).run("--settings=settings.setting", "--port=0")
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert "connections[0]: there is no folder" in last
    assert "Traceback" not in ended.stderr


# check


def test_check_names_what_the_settings_ask_for_and_do_not_get(tmp_path: Path) -> None:
    seed = {"ROLE": "master", "DRIVER": "mysql+mysqldb", "UID": "root", "PASSWD": "", "HOST": "", "PORT": 3306,
            "DATABASE": "", "QUERY": {"charset": "utf8"}}  # fmt: skip
    connections = [seed, {**seed, "ROLE": "slave"}]
    other = {"connections": [{"ROLE": "master", "DRIVER": "sqlite", "DATABASE": "x.db"}]}
    conf = Settings(
        PROJECT_PATH=str(tmp_path),
        TORNADO_CONF={"cookie_secret": "4rZ2x0hJ9kQm7VtPw1LdBn6YsUeGcA8f"},
        DATABASE_CONNECTION={"default": {"connections": connections}, "other": other},
        SQLALCHEMY_CONFIGURATION={
            "sqlalchemy.encoding": "utf-8",
            "sqlalchemy.connect_args": {"connect_timeout": 3},
            "sqlalchemy.poolclass": "QueuePool",
        },
    )
    lines = [str(problem) for problem in find_problems(conf)[0]]
    assert len([line for line in lines if "mysqlclient is not installed" in line]) == 2
    assert len([line for line in lines if "['sqlalchemy.encoding']: SQLAlchemy 2 has dropped" in line]) == 1
    assert len([line for line in lines if "['connect_timeout']: pysqlite knows no such argument" in line]) == 1
    assert all(line.startswith("W ") for line in lines), lines


def test_check_names_mistakes(tmp_path: Path) -> None:
    conf = Settings(
        PROJECT_PATH=str(tmp_path),
        TORNADO_CONF={"cookie_secret": "4rZ2x0hJ9kQm7VtPw1LdBn6YsUeGcA8f"},
        DATABASE_CONNECTION={"default": {"connections": [{"ROLE": "slave", "URL": "sqlite://"}]}},
    )
    assert any("no connection has the ROLE" in problem.text for problem in find_problems(conf)[0])
