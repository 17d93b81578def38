"""Real PostgreSQL servers for tests, in temporary folders, without a system service: a primary, and its replica.

The fixtures `postgres_server` and `postgres_replica` live as long as the test run; what a test kills or stops, it makes
itself: `with running_postgres() as server, running_replica(server) as replica`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.processes import STARTING, ServerProcess, find_program, short_folder
from support.server import wait_for

USER, PASSWORD, DATABASE = "owner", "s3cret-of-the-owner", "postgres"


def find_postgres(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, of its newest version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = [folder / name for folder in reversed(versions) if (folder / name).exists()]
    return str(found[0]) if found else find_program(name, "postgresql")


def as_other_user(command: list[str]) -> list[str]:
    """Return *command* to be run as a user who is not root, as PostgreSQL insists."""
    if os.getuid() != 0:
        return command
    drop = [find_program("setpriv", "util-linux"), f"--reuid={_other_user()}", "--clear-groups", "--regid=nogroup"]
    return [*drop, find_program("setpriv", "util-linux"), "--pdeathsig", "KILL", *command]


def _other_user() -> str:
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PostgresServer(ServerProcess):
    """A PostgreSQL server with one user, who needs a password.

    Args:
        folder: Where it works.
        arguments: Further options of its command line: ``("-c", "idle_session_timeout=2s")``.
    """

    def __init__(self, folder: Path, *, arguments: tuple[str, ...] = ()) -> None:
        super().__init__(folder)
        self.arguments = arguments
        self.data = folder / "data"

    def give_away(self) -> None:
        """Let the folder be that of the server's user."""
        if os.getuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, _other_user())

    def initialize(self) -> None:
        """Make its data folder, with the user."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        self.give_away()
        options = ["-A", "scram-sha-256", "-U", USER, f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
        self.run("initdb", "-D", str(self.data), *options)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        subprocess.run(
            as_other_user([find_postgres(program), *arguments]),
            check=True,
            capture_output=True,
            cwd=self.folder,
            env=environment,
            timeout=6 * STARTING,
        )

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": 150,
            "max_wal_senders": 4,
            "wal_retrieve_retry_interval": "200ms",
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return as_other_user([find_postgres("postgres"), "-D", str(self.data), *flags, *self.arguments])

    def is_ready(self) -> bool:
        if not super().is_ready():
            return False
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """End the server at once, without a checkpoint: PostgreSQL's immediate shutdown, which its children follow."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STARTING)

    def connect(self) -> psycopg.Connection[Any]:
        """Return a connection of the test's own."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=DATABASE, autocommit=True
        )

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Execute a statement on a connection of the test's own, and return the rows."""
        with self.connect() as connection:
            cursor = connection.execute(statement, values or None)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def clear(self) -> None:
        """Drop all tables."""
        self.execute("DROP SCHEMA public CASCADE")
        self.execute("CREATE SCHEMA public")

    def settings(self, role: str = "master", **changes: Any) -> dict[str, Any]:
        """Return an entry of ``DATABASE_CONNECTION``."""
        entry = {"ROLE": role, "DRIVER": "postgresql", "UID": USER, "PASSWD": PASSWORD, "HOST": "127.0.0.1",
                 "PORT": self.port, "DATABASE": DATABASE}  # fmt: skip
        return {**entry, **changes}

    def in_use(self) -> list[str]:
        """Return the states of the connections that are in a transaction."""
        rows = self.execute("SELECT state FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()")
        return [state for (state,) in rows if state != "idle"]

    def wait_for_replica(self, replica: PostgresServer) -> None:
        """Return when *replica* has everything that this server has."""
        position = self.execute("SELECT pg_current_wal_lsn()")[0][0]
        wait_for(
            lambda: replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position)[0][0],
            "the replica",
            timeout=STARTING,
        )


@contextmanager
def running_postgres(*, arguments: tuple[str, ...] = ()) -> Iterator[PostgresServer]:
    """Run a server of the test's own; the options are those of `PostgresServer`."""
    with short_folder() as folder:
        server = PostgresServer(folder, arguments=arguments)
        server.initialize()
        try:
            yield server.start()
        finally:
            server.kill()


@contextmanager
def running_replica(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Run a streaming replica of *primary*: what is written there can be read here, and nothing can be written."""
    with short_folder() as folder:
        replica = PostgresServer(folder)
        replica.give_away()
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", USER, "--checkpoint=fast", "--no-sync"]
        replica.run("pg_basebackup", "-D", str(replica.data), "--write-recovery-conf", *source)
        try:
            yield replica.start()
        finally:
            replica.kill()


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_replica(_postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    with running_replica(_postgres_server) as replica:
        yield replica


@pytest.fixture
def postgres_server(_postgres_server: PostgresServer) -> PostgresServer:
    """A server whose database is empty."""
    _postgres_server.clear()
    return _postgres_server


@pytest.fixture
def postgres_replica(postgres_server: PostgresServer, _postgres_replica: PostgresServer) -> PostgresServer:
    """The replica of `postgres_server`, as empty as that."""
    postgres_server.wait_for_replica(_postgres_replica)
    return _postgres_replica
