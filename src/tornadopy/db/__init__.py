"""Databases: connections from the settings, models and sessions (`tornadopy.db.dbalchemy`), transactions (`atomic`).

Whatever lies below this package needs SQLAlchemy, and this is the one place that says so where it is missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tornadopy.exceptions import MissingExtraError

try:
    import sqlalchemy  # noqa: F401 - looked for here so that no module below has to
except ImportError as exc:
    raise MissingExtraError(
        "SQLAlchemy is not installed: install the extra of your database, "
        "tornadopy[sqlite], tornadopy[mysql] or tornadopy[postgres] (see README, Installation)"
    ) from exc

if TYPE_CHECKING:
    from tornadopy.db.connector import Connector
    from tornadopy.db.transactions import atomic

__all__ = ["Connector", "atomic"]

_HOMES = {"Connector": "tornadopy.db.connector", "atomic": "tornadopy.db.transactions"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
