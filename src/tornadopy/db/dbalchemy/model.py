"""`Model`: the base of a project's tables, and the way from a table to its sessions.

Used by projects; finds the databases through `tornadopy.db.connector`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar, cast

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from tornadopy.db import metadata, scope
from tornadopy.db.asynchronous import ScopedAsyncSession
from tornadopy.db.connector import Connector
from tornadopy.db.pagination import MISSING, Pagination, is_there, page_count
from tornadopy.db.query import ModelQuery
from tornadopy.db.session import RoutingSession

__all__ = ["Model", "paginate"]

M = TypeVar("M", bound="Model")
T = TypeVar("T")


class _SessionOfModel:
    """``Model.session``."""

    def __get__(self, instance: object, owner: type[Model]) -> RoutingSession:
        return Connector.conn_pool[owner.__connection_name__].session


class _QueryOfModel:
    """``Model.Q``."""

    def __get__(self, instance: M | None, owner: type[M]) -> ModelQuery[M]:
        query = Connector.conn_pool[owner.__connection_name__].session.query(owner)
        return cast("ModelQuery[M]", query)


class Model(DeclarativeBase):
    """The base of a project's models.

    ::

        class Article(Model):
            __tablename__ = "articles"

            id: Mapped[int] = mapped_column(primary_key=True)
            title: Mapped[str] = mapped_column(String(200))

    ``title = Column(String(200))`` works, too. A base of one's own has ``__abstract__ = True``.

    Attributes:
        Q: A query of this model in the session of the current request: ``Article.Q.filter(…).all()``, ``.first()``,
            ``.paginate(page, per_page)``. It reads from a slave.
        session: The session of the current request, message, task or thread: ``query``, ``add``, ``commit``, ….
        __connection_name__: The key in ``DATABASE_CONNECTION``.

    .. versionadded:: 2.0
    """

    __abstract__ = True
    __allow_unmapped__ = True
    __connection_name__: ClassVar[str] = "default"
    metadata = metadata.of("default")

    Q: ClassVar[_QueryOfModel] = _QueryOfModel()
    session: ClassVar[_SessionOfModel] = _SessionOfModel()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "metadata" not in cls.__dict__:
            cls.metadata = metadata.of(cls.__connection_name__)
        super().__init_subclass__(**kwargs)

    @classmethod
    def async_session(cls, *, master: bool = False) -> ScopedAsyncSession:
        """Return a session for the event loop: ``async with Article.async_session() as session``.

        It is another one each time. Inside ``async with atomic()`` it is that of the block.

        Args:
            master: Let its reads go to the master, too.
        """
        return scope.async_session(Connector.conn_pool[cls.__connection_name__], master=master)


async def paginate(
    session: AsyncSession, statement: Select[Any], page: int = 1, per_page: int = 20, default: Any = MISSING
) -> Any:
    """Return a `Pagination` of what *statement* selects; objects or values, or rows of several columns.

    ::

        async with Article.async_session() as session:
            found = await paginate(session, select(Article).order_by(Article.id), page=2, per_page=10)

    ``await found.next()`` is the next page, as long as the session is open.

    Args:
        session: An asynchronous session.
        statement: A ``select()``. Give it an order, or the pages overlap.
        page: The page's number, from 1.
        per_page: How many items it has at most.
        default: What to return if there is no such page; without it, that is an empty page (the first one for a number
            below 1).

    Raises:
        ArgumentError: *per_page* is less than 1.

    .. versionadded:: 2.0
    """
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = await session.scalar(counted) or 0
    pages = page_count(total, per_page)
    if not is_there(page, pages):
        if default is not MISSING:
            return default
        page = max(page, 1)
    # NOTE: an offset beyond the end may be one beyond what the database takes for a number.
    window = statement.limit(per_page).offset((page - 1) * per_page)
    return Pagination(
        await _fetch(session, window) if is_there(page, pages) else [],
        page=page,
        per_page=per_page,
        total=total,
        turn=lambda number: paginate(session, statement, number, per_page),
    )


async def _fetch(session: AsyncSession, statement: Select[Any]) -> Sequence[Any]:
    """Return objects or values if that is what one column brings, else rows."""
    result = await session.execute(statement)
    columns = statement.column_descriptions
    found: Any = result
    if len(columns) == 1:
        # NOTE: joined collections bring an object once a row; equal values of a column are all meant.
        is_entity = columns[0]["entity"] is columns[0]["expr"]
        found = (result.unique() if is_entity else result).scalars()
    rows: Sequence[Any] = found.all()
    return rows
