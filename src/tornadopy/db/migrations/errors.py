"""One line of what Alembic, SQLAlchemy and the code of a migration have to complain about.

Wrapped around whatever the other modules here let Alembic do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tornadopy.db.connector import Database
from tornadopy.exceptions import MigrationError, TornadopyError
from tornadopy.utils.errors import describe_error
from tornadopy.utils.masking import mask_text

__all__ = ["explained"]


@contextmanager
def explained(database: Database) -> Iterator[None]:
    """Raise errors of the block as `MigrationError`, with the name of the connection.

    Raises:
        MigrationError: Something has failed.
    """
    try:
        yield
    except (MigrationError, CommandError, RevisionError) as exc:
        raise MigrationError(_prefixed(database, str(exc))) from exc
    except DBAPIError as exc:
        # The statement's values may be secret; the driver's own message says what is wrong.
        raise MigrationError(_prefixed(database, f"{database.master.config.place}: {exc.orig}")) from exc
    except TornadopyError:
        raise
    except SQLAlchemyError as exc:
        raise MigrationError(_prefixed(database, f"{type(exc).__name__}: {exc}")) from exc
    except Exception as exc:
        raise MigrationError(_prefixed(database, describe_error(exc))) from exc


def _prefixed(database: Database, text: str) -> str:
    start = f"connection {database.name!r}: "
    return text if text.startswith(start) else start + mask_text(text)
