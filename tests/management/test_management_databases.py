"""The commands for databases as real processes: from the first ``startproject`` to a page that shows rows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from management_process import environment, fetch, make_project, python, serving, tornadopy, write_files

from support.mariadb_servers import MariaDBServer
from support.postgres_servers import PostgresServer
from support.processes import free_port

MODELS = """
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tornadopy.db.dbalchemy import Model


class Article(Model):
    __tablename__ = "articles"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
"""
STATE = """
    state: Mapped[str] = mapped_column(String(20), server_default="new")
"""
HANDLER = """
from blog.models import Article
from tornadopy.handler import WebHandler


class Index(WebHandler):
    def get(self) -> None:
        self.write(",".join(f"{each.title}:{each.state}" for each in Article.Q.order_by(Article.id)))
"""
INSERT = "INSERT INTO articles (id, title) VALUES (1, 'Tea'), (2, 'It''s')"


@pytest.fixture(scope="module")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new project with a new app that has a model; tests copy it."""
    folder = tmp_path_factory.mktemp("new")
    assert tornadopy("startproject", "mysite", cwd=folder).returncode == 0
    folder = folder / "mysite"
    assert tornadopy("startapp", "blog", cwd=folder).returncode == 0
    settings = folder / "settings" / "setting.py"
    settings.write_text(settings.read_text().replace('    "main",\n', '    "main",\n    "blog",\n'))
    write_files(folder, {"blog/models.py": MODELS})
    return folder


@pytest.fixture(scope="module")
def new_migrated(new_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the new project with its first migration, which has not been applied."""
    folder = shutil.copytree(new_project, tmp_path_factory.mktemp("migrated") / "mysite")
    ran("makemigrations", cwd=folder)
    return folder


@pytest.fixture
def project(new_project: Path, tmp_path: Path) -> Path:
    return shutil.copytree(new_project, tmp_path / "mysite")


@pytest.fixture
def migrated(new_migrated: Path, tmp_path: Path) -> Path:
    return shutil.copytree(new_migrated, tmp_path / "mysite")


@pytest.fixture(params=["sqlite", "mariadb", "postgres"])
def connection(request: pytest.FixtureRequest) -> dict[str, Any] | None:
    """Return the entry of the settings for each database; None for the one that a new project has."""
    if request.param == "sqlite":
        return None
    entry: dict[str, Any] = request.getfixturevalue(f"{request.param}_server").settings()
    return entry


@pytest.fixture
def mariadb_entry(mariadb_server: MariaDBServer) -> dict[str, Any]:
    return mariadb_server.settings()


@pytest.fixture
def postgres_entry(postgres_server: PostgresServer) -> dict[str, Any]:
    return postgres_server.settings()


def add_setting(folder: Path, text: str) -> None:
    with (folder / "settings" / "setting.py").open("a") as file:
        file.write(f"\n{text}\n")


def use(folder: Path, **connections: Any) -> None:
    entries = {name: {"connections": [entry]} for name, entry in connections.items()}
    add_setting(folder, f"DATABASE_CONNECTION = {entries!r}")


def ran(*arguments: str, cwd: Path, **options: Any) -> str:
    """Run a command that succeeds, and return what it has printed."""
    ended = tornadopy(*arguments, cwd=cwd, **options)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def failed(*arguments: str, cwd: Path, **options: Any) -> str:
    """Run a command that fails, and return its one line."""
    ended = tornadopy(*arguments, cwd=cwd, **options)
    assert ended.returncode == 1, ended.stdout
    assert ended.stderr.startswith("Error: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


def test_from_a_new_project_to_a_page_with_rows(project: Path, connection: dict[str, Any] | None) -> None:
    if connection is not None:
        use(project, default=connection)
    printed = ran("makemigrations", cwd=project)
    assert re.fullmatch(
        r"default: migrations/default/versions/\d{8}_\d{6}_initial\.py\n  create table articles\n", printed
    )
    assert re.fullmatch(r"default\n  \[ \] \w{12} initial\n", ran("showmigrations", cwd=project))
    assert re.fullmatch(r"default: applied \w{12} initial\n", ran("migrate", cwd=project))
    assert re.fullmatch(r"default\n  \[X\] \w{12} initial\n", ran("showmigrations", cwd=project))
    assert ran("makemigrations", cwd=project) == "default: no changes\n"
    script = (
        "from sqlalchemy import text; from tornadopy.db import Connector; "
        f"engine = Connector.conn_pool['default'].master.engine; "
        f"c = engine.connect(); c.execute(text({INSERT!r})); c.commit(); c.close(); engine.dispose()"
    )
    assert ran("shell", "-c", script, cwd=project) == ""

    write_files(project, {"blog/models.py": MODELS + STATE, "blog/handlers/pages.py": HANDLER})
    add_setting(project, 'MIDDLEWARE_CLASSES = ["tornadopy.middleware.dbalchemy.DBAlchemyMiddleware"]')
    assert ran("makemigrations", "-m", "state of articles", cwd=project).splitlines()[1:] == [
        "  add column articles.state"
    ]
    assert ran("migrate", cwd=project).endswith(" state of articles\n")
    port = free_port()
    with serving("runserver.py", f"--port={port}", cwd=project, port=port):
        assert fetch(f"http://127.0.0.1:{port}/blog")[2] == "Tea:new,It's:new"

    assert ran("migrate", "-1", cwd=project).startswith("default: undone ")
    assert ran("migrate", "+1", cwd=project).startswith("default: applied ")
    assert ran("migrate", cwd=project) == "default: nothing to do\n"
    assert ran("migrate", "base", cwd=project).count("undone") == 2


def test_what_is_written_is_clean(migrated: Path) -> None:
    ran("makemigrations", "--empty", "-m", "titles", cwd=migrated)
    for tool in (["ruff", "check", "--no-cache", "--ignore=E501,Q", "migrations"], ["mypy", "blog", "migrations"]):
        ended = python("-m", *tool, cwd=migrated)
        assert ended.returncode == 0, ended.stdout


def test_models_are_found_wherever_an_app_has_them(tmp_path: Path) -> None:
    """In a module, in a package, in modules of a package that nobody imports, in apps of a package."""
    table = MODELS.replace('"articles"', '"{0}"').replace("class Article", "class {1}")
    folder = make_project(
        tmp_path,
        {
            "site_app/models.py": table.format("in_module", "A"),
            "shop/__init__.py": "",
            "shop/urls.py": "urls = []\n",
            "shop/models/__init__.py": "",
            "shop/models/goods.py": table.format("in_package", "B"),
            "shop/models/deep/__init__.py": "",
            "shop/models/deep/down.py": table.format("deep_down", "C"),
            "apps/__init__.py": "",
            "apps/news/__init__.py": "",
            "apps/news/urls.py": "urls = []\n",
            "apps/news/models.py": table.format("in_nested_app", "D"),
        },
        settings='INSTALLED_APPS = ["site_app", "shop", "apps.news"]',
    )
    printed = ran("makemigrations", cwd=folder)
    assert sorted(re.findall(r"create table (\w+)", printed)) == [
        "deep_down",
        "in_module",
        "in_nested_app",
        "in_package",
    ]
    assert "A" in ran("shell", "-c", "print(A, B, C, D)", cwd=folder)


def test_check_tells_by_its_status(migrated: Path) -> None:
    project = migrated
    ran("migrate", cwd=project)
    assert ran("makemigrations", "--check", cwd=project) == "default: no changes\n"
    write_files(project, {"blog/models.py": MODELS + STATE})
    ended = tornadopy("makemigrations", "--check", cwd=project)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == "default: changes without a migration\n  add column articles.state\n"
    assert len(list((project / "migrations" / "default" / "versions").glob("*.py"))) == 1


class TestSeveralConnections:
    @pytest.fixture
    def two(self, project: Path) -> Path:
        entry = {"ROLE": "master", "DRIVER": "sqlite"}
        use(project, default={**entry, "DATABASE": "a.sqlite3"}, archive={**entry, "DATABASE": "b.sqlite3"})
        archived = MODELS.replace(
            "class Article(Model):", 'class Old(Model):\n    __connection_name__ = "archive"\n'
        ).replace('"articles"', '"old"')
        write_files(project, {"main/models.py": archived})
        return project

    def test_each_has_its_own_history(self, two: Path) -> None:
        printed = ran("makemigrations", cwd=two)
        assert re.findall(r"(?m)^(\w+): migrations/(\w+)/", printed) == [("default", "default"), ("archive", "archive")]
        assert re.findall(r"create table (\w+)", printed) == ["articles", "old"]
        assert re.findall(r"(\w+): applied", ran("migrate", cwd=two)) == ["default", "archive"]
        assert ran("migrate", "--connection", "archive", "base", cwd=two).startswith("archive: undone")
        assert re.findall(r"\[(.)\]", ran("showmigrations", cwd=two)) == ["X", " "]
        assert re.findall(r"\[(.)\]", ran("showmigrations", "--connection=archive", cwd=two)) == [" "]

    def test_one_has_to_be_named(self, two: Path) -> None:
        ran("makemigrations", cwd=two)
        assert "(default, archive); name one by --connection" in failed("migrate", "base", cwd=two)
        assert "(default, archive); name one by --connection" in failed("makemigrations", "--empty", cwd=two)
        assert "there are 'default', 'archive'" in failed("migrate", "--connection=other", cwd=two)

    def test_syncdb(self, two: Path) -> None:
        assert ran("syncdb", cwd=two) == "default: articles\narchive: old\n"
        assert ran("syncdb", "--connection=archive", cwd=two) == "archive: nothing to create\n"


def test_tables_made_by_syncdb_are_marked(project: Path, connection: dict[str, Any] | None) -> None:
    """A site that began without migrations goes over to them."""
    if connection is not None:
        use(project, default=connection)
    (project / "later.sqlite3").touch()
    assert ran("syncdb", cwd=project) == "default: articles\n"
    assert ran("makemigrations", cwd=project) == "default: no changes\n"
    write_files(project, {"blog/models.py": MODELS + STATE})
    assert "add column articles.state" in ran("makemigrations", cwd=project)
    assert ran("migrate", "--fake", cwd=project) == "default: marked as being at head\n"
    assert ran("migrate", cwd=project) == "default: nothing to do\n"


def test_sql_is_printed(migrated: Path) -> None:
    assert "CREATE TABLE articles" in ran("migrate", "--sql", cwd=migrated)
    assert "[ ]" in ran("showmigrations", cwd=migrated)


class TestErrors:
    def test_nothing_to_apply(self, project: Path) -> None:
        assert "'tornadopy makemigrations' writes them" in failed("migrate", cwd=project)
        assert ran("showmigrations", cwd=project) == "default\n  (no migrations)\n"

    def test_a_database_that_is_behind(self, migrated: Path) -> None:
        assert "run 'tornadopy migrate' first" in failed("makemigrations", cwd=migrated)

    def test_an_unknown_revision(self, migrated: Path) -> None:
        assert "Can't locate revision identified by 'zzz'" in failed("migrate", "zzz", cwd=migrated)
        assert "there is no migration to undo" in failed("migrate", "-1", cwd=migrated)

    def test_options_that_exclude_each_other(self, project: Path) -> None:
        assert "exclude each other" in failed("makemigrations", "--empty", "--check", cwd=project)
        assert "exclude each other" in failed("migrate", "--sql", "--fake", cwd=project)
        assert tornadopy("migrate", "--fkae", cwd=project).returncode == 2

    def test_models_that_cannot_be_imported(self, project: Path) -> None:
        write_files(project, {"blog/models.py": "import nothing_like_this\n"})
        line = failed("makemigrations", cwd=project)
        assert "cannot import blog.models" in line
        assert "nothing_like_this" in line

    @pytest.mark.parametrize("command", ["syncdb", "makemigrations"])
    def test_models_that_no_table_can_be_made_of(self, project: Path, command: str) -> None:
        column = "    other: Mapped[int] = mapped_column(ForeignKey('nowhere.id'))\n"
        models = MODELS.replace("import String", "import ForeignKey, String") + column
        write_files(project, {"blog/models.py": models})
        line = failed(command, cwd=project)
        assert "connection 'default'" in line
        assert "could not find table 'nowhere'" in line

    def test_a_package_of_models_with_an_error(self, project: Path) -> None:
        (project / "blog" / "models.py").unlink()
        write_files(project, {"blog/models/__init__.py": "", "blog/models/x/__init__.py": "1 / 0\n"})
        assert "ZeroDivisionError" in failed("syncdb", cwd=project)

    def test_a_migration_with_an_error(self, migrated: Path) -> None:
        (path,) = (migrated / "migrations" / "default" / "versions").glob("*.py")
        path.write_text(path.read_text().replace('"""Change the database."""', "1 / 0"))
        line = failed("migrate", cwd=migrated)
        assert "connection 'default': ZeroDivisionError: division by zero" in line
        assert path.name in line
        assert "Traceback" in tornadopy("migrate", "--traceback", cwd=migrated).stderr

    @pytest.mark.parametrize("command", ["syncdb", "makemigrations", "migrate", "showmigrations"])
    def test_a_wrong_password(self, migrated: Path, postgres_entry: dict[str, Any], command: str) -> None:
        use(migrated, default={**postgres_entry, "PASSWD": "wr0ng-secret"})
        line = failed(command, cwd=migrated)
        assert "password authentication failed" in line
        assert "wr0ng-secret" not in line

    @pytest.mark.parametrize("command", ["syncdb", "migrate"])
    def test_a_server_that_is_away(self, migrated: Path, command: str) -> None:
        use(migrated, default={"ROLE": "master", "URL": f"mysql+pymysql://ann:s3cret@127.0.0.1:{free_port()}/x"})
        line = failed(command, cwd=migrated)
        assert "connection 'default'" in line
        assert "s3cret" not in line

    @pytest.mark.parametrize(("missing", "word"), [("alembic", "Alembic"), ("sqlalchemy", "SQLAlchemy")])
    def test_what_is_not_installed(self, tmp_path: Path, missing: str, word: str) -> None:
        folder = make_project(tmp_path)
        hook = (
            "import sys\n\nclass Missing:\n    def find_spec(self, name, path=None, target=None):\n"
            f"        if name.split('.')[0] == {missing!r}:\n            raise ModuleNotFoundError(name, name=name)\n\n"
            "sys.meta_path.insert(0, Missing())\n"
        )
        write_files(tmp_path, {"hook/sitecustomize.py": hook})
        line = failed("migrate", cwd=folder, env={"PYTHONPATH": str(tmp_path / "hook")})
        assert f"{word} is not installed" in line
        assert "tornadopy[postgres]" in line


class TestShell:
    """``dbshell`` with the databases' own clients."""

    def test_sqlite(self, project: Path) -> None:
        ran("syncdb", cwd=project)
        assert ran("dbshell", cwd=project, stdin=f"{INSERT};\nSELECT title FROM articles;\n") == "Tea\nIt's\n"
        assert ran("dbshell", "default", "--", "-csv", cwd=project, stdin="SELECT 1, 'a b';\n") == '1,"a b"\n'

    def test_postgres(self, project: Path, postgres_entry: dict[str, Any]) -> None:
        use(project, other=postgres_entry)
        arguments = ("dbshell", "other", "--", "-At", "-c", "SELECT current_user, current_database()")
        assert ran(*arguments, cwd=project) == "owner|postgres\n"

    def test_postgres_with_anything_in_its_words(self, project: Path, postgres_server: PostgresServer) -> None:
        postgres_server.execute("""CREATE ROLE "it's \\ odd" LOGIN PASSWORD 'p''w \\ "x'""")
        entry = postgres_server.settings(UID="it's \\ odd", PASSWD="p'w \\ \"x", QUERY={"application_name": "my shell"})
        use(project, default=entry)
        query = "SELECT session_user, current_setting('application_name')"
        try:
            assert ran("dbshell", "--", "-At", "-c", query, cwd=project) == "it's \\ odd|my shell\n"
        finally:
            postgres_server.execute("""DROP ROLE "it's \\ odd" """)

    @pytest.mark.parametrize("driver", ["mysql+pymysql", "mariadb+pymysql"])
    def test_mariadb(self, project: Path, mariadb_entry: dict[str, Any], driver: str) -> None:
        use(project, default={**mariadb_entry, "DRIVER": driver})
        printed = ran("dbshell", "--", "-N", "-e", "SELECT DATABASE(), @@character_set_client", cwd=project)
        assert printed == "shop\tutf8mb4\n"

    @pytest.mark.parametrize("kind", ["mariadb", "postgres"])
    def test_the_password_is_not_in_the_arguments(
        self, project: Path, request: pytest.FixtureRequest, kind: str
    ) -> None:
        entry = request.getfixturevalue(f"{kind}_entry")
        use(project, default=entry)
        query = "\\! cat /proc/$PPID/cmdline" if kind == "postgres" else "system cat /proc/$PPID/cmdline"
        printed = ran("dbshell", cwd=project, stdin=f"{query}\n")
        assert entry["UID"] in printed
        assert entry["PASSWD"] not in printed

    def test_a_client_that_is_not_there(self, project: Path, tmp_path: Path) -> None:
        line = failed("dbshell", cwd=project, env={"PATH": str(tmp_path)})
        assert "sqlite3 is not on the PATH; install it with the package sqlite3" in line

    def test_what_has_no_client(self, project: Path) -> None:
        use(project, default={"ROLE": "master", "URL": "sqlite://"})
        assert "no client for a database in memory" in failed("dbshell", cwd=project)
        assert "no connection 'other'" in failed("dbshell", "other", cwd=project)


class TestProgress:
    def test_a_terminal_sees_a_bar_and_then_the_lines(self, migrated: Path) -> None:
        script = shutil.which("script")
        assert script is not None
        command = f"{sys.executable} -m tornadopy migrate"
        ended = subprocess.run(
            [script, "-qec", command, os.devnull],
            cwd=migrated, env=environment(TERM="xterm"), capture_output=True, text=True, check=False, timeout=60,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ended.returncode == 0
        bar, _, lines = ended.stdout.partition("100%")
        assert "default" in bar
        assert re.findall(r"applied \w{12} (\w+)", lines) == ["initial"]

    def test_a_pipe_sees_the_lines_alone(self, migrated: Path) -> None:
        assert re.fullmatch(r"default: applied \w{12} initial\n", ran("migrate", cwd=migrated))
