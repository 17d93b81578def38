"""Real MariaDB servers for tests, in temporary folders, without a system service.

The fixture `mariadb_server` lives as long as the test run; what a test kills or stops, it makes itself:
`with running_mariadb() as server`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest

from support.processes import STARTING, ServerProcess, find_program, short_folder

USER, PASSWORD, DATABASE = "owner", "s3cret-of-the-owner", "shop"


class MariaDBServer(ServerProcess):
    """A mariadbd with one database and one user; nobody else may connect over TCP.

    Args:
        folder: Where it works.
        arguments: Further options of its command line: ``("--wait-timeout=2",)``.
    """

    def __init__(self, folder: Path, *, arguments: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self.arguments = arguments

    def initialize(self) -> None:
        """Make its data folder, with the user."""
        install = find_program("mariadb-install-db", "mariadb-server")
        options = ["--no-defaults", f"--datadir={self.folder / 'data'}", "--user=root", "--skip-test-db"]
        # NOTE: root gets in through the socket alone, as the user of the system.
        options += ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root"]
        subprocess.run([install, *options], check=True, capture_output=True, timeout=6 * STARTING)
        script = self.folder / "init.sql"
        script.write_text(
            f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;\n"
            f"CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%';\n"
        )
        self.arguments += (f"--init-file={script}",)

    def command(self) -> list[str]:
        return [
            find_program("mariadbd", "mariadb-server"),
            "--no-defaults",
            "--user=root",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--max-connections=300",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
            "--innodb-lock-wait-timeout=20",
            *self.arguments,
        ]

    def is_ready(self) -> bool:
        if not super().is_ready():
            return False
        try:
            self.connect().close()
        except pymysql.OperationalError:
            return False
        self.arguments = tuple(each for each in self.arguments if not each.startswith("--init-file"))
        return True

    def connect(self) -> pymysql.Connection[Any]:
        """Return a connection of the test's own."""
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, database=DATABASE, autocommit=True
        )

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of the test's own, and return the rows."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def clear(self) -> None:
        """Drop all tables."""
        self.execute(f"DROP DATABASE {DATABASE}")
        self.execute_without_database(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")

    def execute_without_database(self, statement: str) -> None:
        """Execute a statement where the database is not there."""
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, autocommit=True)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def settings(self, role: str = "master", **changes: Any) -> dict[str, Any]:
        """Return an entry of ``DATABASE_CONNECTION``."""
        entry = {"ROLE": role, "DRIVER": "mysql+pymysql", "UID": USER, "PASSWD": PASSWORD, "HOST": "127.0.0.1",
                 "PORT": self.port, "DATABASE": DATABASE, "QUERY": {"charset": "utf8mb4"}}  # fmt: skip
        return {**entry, **changes}

    def in_use(self) -> list[str]:
        """Return the transactions that are open, by what the storage engine says of each.

        `information_schema.innodb_trx` would not do: whoever reads it more than once in 100 ms sees the same again.
        """
        ((_, _, status),) = self.execute("SHOW ENGINE INNODB STATUS")
        return re.findall(r"^---TRANSACTION \S+, (ACTIVE.*)$", status, re.MULTILINE)


@contextmanager
def running_mariadb(*, arguments: tuple[str, ...] = ()) -> Iterator[MariaDBServer]:
    """Run a server of the test's own; the options are those of `MariaDBServer`."""
    with short_folder() as folder:
        server = MariaDBServer(folder, arguments=arguments)
        server.initialize()
        try:
            yield server.start()
        finally:
            server.kill()
            shutil.rmtree(folder / "data", ignore_errors=True)


@pytest.fixture(scope="session")
def _mariadb_server() -> Iterator[MariaDBServer]:
    with running_mariadb() as server:
        yield server


@pytest.fixture
def mariadb_server(_mariadb_server: MariaDBServer) -> MariaDBServer:
    """A server whose database is empty."""
    _mariadb_server.clear()
    return _mariadb_server
