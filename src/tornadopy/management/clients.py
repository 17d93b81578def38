"""How the databases' own command line clients are told where to connect.

Asked by ``tornadopy dbshell``. A password is handed over in the environment: everybody on the machine can read the
arguments of a process, only its owner its environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tornadopy.exceptions import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

    from tornadopy.db.configuration import NodeConfig


@dataclass(frozen=True, slots=True)
class Client:
    """A program and what it is started with.

    Attributes:
        programs: Its names, the best one first.
        package: What is to be installed where it is missing.
        arguments: Where it connects to.
        environment: What must not be seen.
    """

    programs: tuple[str, ...]
    package: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def client_for(config: NodeConfig) -> Client:
    """Return the client of a database server.

    Raises:
        ConfigError: It has none that is known.
    """
    kind = config.url.get_backend_name()
    make = _CLIENTS.get(kind)
    if make is None or config.is_in_memory:
        raise ConfigError(
            f"{config.path}: dbshell has no client for {'a database in memory' if make else kind}; it serves files of "
            "SQLite, PostgreSQL, MySQL and MariaDB"
        )
    return make(config.url)


def _sqlite(url: URL) -> Client:
    return Client(("sqlite3",), "the package sqlite3", (str(url.database),))


def _postgresql(url: URL) -> Client:
    query = _texts(url)
    secret = url.password or query.pop("password", None)
    query.pop("password", None)
    # NOTE: libpq takes further options in a connection string alone.
    parts = {"host": url.host, "port": url.port, "user": url.username, "dbname": url.database, **query}
    text = " ".join(f"{name}={_quoted(str(value))}" for name, value in parts.items() if value is not None)
    return Client(("psql",), "the package postgresql-client", (text,), _secret("PGPASSWORD", secret))


def _mysql(url: URL) -> Client:
    query = _texts(url)
    secret = url.password or query.get("password") or query.get("passwd")
    given = {"host": url.host, "port": url.port, "user": url.username}
    given |= {option: query[name] for name, option in _MYSQL_OPTIONS.items() if name in query}
    arguments = [f"--{name}={value}" for name, value in given.items() if value is not None]
    if url.database:
        arguments.append(f"--database={url.database}")
    programs = ("mariadb", "mysql") if url.get_backend_name() == "mariadb" else ("mysql", "mariadb")
    return Client(programs, "the package mariadb-client", tuple(arguments), _secret("MYSQL_PWD", secret))


_CLIENTS = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql}
_MYSQL_OPTIONS = {
    "unix_socket": "socket",
    "charset": "default-character-set",
    "ssl_ca": "ssl-ca",
    "ssl_cert": "ssl-cert",
    "ssl_key": "ssl-key",
}


def _texts(url: URL) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}


def _secret(name: str, value: object) -> dict[str, str]:
    return {} if value is None else {name: str(value)}


def _quoted(value: str) -> str:
    """Return *value* as libpq reads it: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
