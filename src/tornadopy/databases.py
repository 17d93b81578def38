"""The databases of an application, as far as the application itself is concerned: checked, pinged, closed.

It imports `tornadopy.db` for those alone that use a database: without one, SQLAlchemy need not be there.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from tornadopy.conf import Settings
from tornadopy.conf.defaults import Defaults
from tornadopy.conf.values import freeze

if TYPE_CHECKING:
    from tornadopy.db.connector import Connections

__all__ = ["Databases"]

_CONNECTOR = "tornadopy.db.connector"


class Databases:
    """The start and the end of an application's databases.

    Args:
        conf: The application's configuration.

    .. versionadded:: 2.0
    """

    def __init__(self, conf: Settings) -> None:
        self._conf = conf

    @property
    def connections(self) -> Connections | None:
        """The databases, if the application uses any.

        It does if something has asked for them (`DBAlchemyMiddleware` does), or if ``DATABASE_CONNECTION`` is its own
        and code that works with databases has been imported.

        Raises:
            ConfigError: ``DATABASE_CONNECTION`` or ``SQLALCHEMY_CONFIGURATION`` cannot be understood.
            MissingExtraError: A driver is not installed.
        """
        module: Any = sys.modules.get(_CONNECTOR)
        if module is None:
            return None
        found: Connections | None = module.Connector.made_for(self._conf)
        if found is None and freeze(Defaults.DATABASE_CONNECTION) != self._conf.DATABASE_CONNECTION:
            found = module.Connector.of(self._conf)
        return found

    def require(self) -> None:
        """Take note that the application uses databases; read their settings.

        Raises:
            ConfigError: ``DATABASE_CONNECTION`` or ``SQLALCHEMY_CONFIGURATION`` cannot be understood.
            MissingExtraError: SQLAlchemy or a driver is not installed.
        """
        importlib.import_module(_CONNECTOR).Connector.of(self._conf)

    async def start(self) -> None:
        """Look whether the servers accept us, and keep their connections alive from now on.

        Raises:
            ConfigError: A server refuses the connection, or a model names a connection that is not there.
        """
        connections = self.connections
        if connections is not None:
            await importlib.import_module("tornadopy.db.startup").check(connections, self._conf.INSTALLED_APPS)
            connections.start_pings()

    async def aclose(self) -> None:
        """End the pings, and close the connections of this event loop and of threads."""
        connections = self.connections
        if connections is not None:
            await connections.aclose()
