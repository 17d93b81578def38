"""The middleware that the seed asks for where SQLAlchemy is used: it says that the application has databases.

A request's sessions end with the request, with it or without it (`tornadopy.db.scope`). What it adds is that the
settings of the databases are read, and errors in them shown, when the application is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tornadopy.application import Application

__all__ = ["DBAlchemyMiddleware"]


class DBAlchemyMiddleware:
    """Read the settings of the databases at the start.

    .. versionadded:: 2.0
    """

    def process_init(self, application: Application) -> None:
        """Make the application's connections known.

        Raises:
            ConfigError: ``DATABASE_CONNECTION`` or ``SQLALCHEMY_CONFIGURATION`` cannot be understood.
            MissingExtraError: SQLAlchemy or a driver is not installed.
        """
        application.databases.require()
