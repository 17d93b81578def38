"""The tables of each named connection: a `MetaData` of its own for every ``__connection_name__``.

Models are the process's, so these are too. Filled by `tornadopy.db.dbalchemy`, read by ``create_db`` and migrations.
"""

from __future__ import annotations

from types import MappingProxyType

from sqlalchemy import MetaData

__all__ = ["NAMING", "names", "of"]

NAMING = MappingProxyType(
    {
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""How constraints without a name are called: a migration can only alter what has one.

See https://docs.sqlalchemy.org/en/21/core/constraints.html#configuring-constraint-naming-conventions
"""

_METADATA: dict[str, MetaData] = {}


def of(name: str) -> MetaData:
    """Return the tables of the connection *name*."""
    return _METADATA.setdefault(name, MetaData(naming_convention=dict(NAMING)))


def names() -> tuple[str, ...]:
    """Return the names of the connections that models have named."""
    return tuple(_METADATA)
