"""Creates the tables of models without migrations.

Called by the command ``syncdb``.
"""

from __future__ import annotations

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tornadopy.db.connector import Database
from tornadopy.exceptions import DatabaseError
from tornadopy.utils.masking import mask_text

__all__ = ["create_missing"]


def create_missing(database: Database) -> list[str]:
    """Create the tables of *database* that are missing, and return their names.

    Raises:
        DatabaseError: The database does not answer, or refuses, or cannot have such tables.
    """
    try:
        before = inspect(database.master.engine)
        missing = [
            table for table in database.metadata.sorted_tables if not before.has_table(table.name, schema=table.schema)
        ]
        database.create_db()
    except DBAPIError as exc:
        place = database.master.config.place
        raise DatabaseError(f"connection {database.name!r}: {place}: {mask_text(str(exc.orig))}") from exc
    except SQLAlchemyError as exc:  # a model that this database cannot have, or a key to a table that is not there
        raise DatabaseError(f"connection {database.name!r}: {mask_text(str(exc))}") from exc
    return [table.fullname for table in missing]
