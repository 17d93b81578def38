"""SQLAlchemy for the models of a project: what the seed calls ``tornadopy.db.dbalchemy``.

The names of this package are what projects import; what is behind them is in the modules beside it.
"""

from __future__ import annotations

from tornadopy.db.connector import Connector
from tornadopy.db.dbalchemy.model import Model, paginate
from tornadopy.db.pagination import Pagination
from tornadopy.db.query import ModelQuery
from tornadopy.db.session import RoutingSession
from tornadopy.db.transactions import atomic

__all__ = ["Connector", "Model", "ModelQuery", "Pagination", "RoutingSession", "atomic", "paginate"]
