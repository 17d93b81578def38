"""The databases that a command works on, with the models of all installed apps imported.

Asked by the commands that change databases. What needs SQLAlchemy or Alembic is imported when it is used.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tornadopy.apps import load_models
from tornadopy.management.project import Project

if TYPE_CHECKING:
    from tornadopy.db.connector import Database
    from tornadopy.db.migrations.history import Migrations

connection_option = click.option(
    "--connection", metavar="NAME", help="A name in DATABASE_CONNECTION.  [default: all of them]"
)


@contextmanager
def databases(project: Project, connection: str | None) -> Iterator[list[Database]]:
    """Give the databases of the project, or the one called *connection*, and close them at the end.

    Raises:
        ConfigError: The settings, an app or its models are wrong, or there is no such connection.
        MissingExtraError: SQLAlchemy or a driver is not installed.
    """
    from tornadopy.db.connector import Connector  # noqa: PLC0415 - optional

    conf = project.configure()
    load_models(conf.INSTALLED_APPS)
    connections = Connector.of(conf)
    try:
        with _without_warnings():
            yield list(connections.values()) if connection is None else [connections[connection]]
    finally:
        connections.dispose()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep what is meant for a server's log off the terminal: the command's own error says it in one line."""
    logger, handler = logging.getLogger("tornadopy.tracelog"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def histories(project: Project, connection: str | None) -> Iterator[list[Migrations]]:
    """Give the migrations of the project's databases, or of the one called *connection*.

    Raises:
        ConfigError: The settings, an app or its models are wrong, or there is no such connection.
        MissingExtraError: SQLAlchemy, Alembic or a driver is not installed.
    """
    from tornadopy.db.migrations.history import Migrations  # noqa: PLC0415 - optional

    with databases(project, connection) as found:
        conf = project.configure()
        yield [Migrations(database, conf.path(conf.MIGRATIONS_DIR)) for database in found]
