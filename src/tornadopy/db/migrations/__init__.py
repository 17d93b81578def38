"""Migrations: Alembic beneath, one history for each named connection, no configuration file.

The commands ``makemigrations``, ``migrate`` and ``showmigrations`` call `tornadopy.db.migrations.history` and
`tornadopy.db.migrations.making`. The files of a connection are in ``MIGRATIONS_DIR``, in ``<connection>/versions``.
``environment`` is what Alembic calls its script location.
"""

from __future__ import annotations

from tornadopy.exceptions import MissingExtraError

try:
    import alembic  # noqa: F401 - looked for here so that no module below has to
except ImportError as exc:
    raise MissingExtraError(
        "Alembic is not installed: install the extra of your database, tornadopy[sqlite], tornadopy[mysql] or "
        "tornadopy[postgres] (see README, Installation)"
    ) from exc
