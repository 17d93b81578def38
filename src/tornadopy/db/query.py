"""Queries with pages: what ``Model.Q`` and ``session.query(…)`` give.

Made by `tornadopy.db.session`; knows no request.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy.orm import Query

from tornadopy.db.pagination import MISSING, Pagination, is_there, page_count

__all__ = ["ModelQuery", "Rows"]

T = TypeVar("T")


class Rows(list[T]):
    """The list that `ModelQuery.all` returns; it has pages, too.

    .. versionadded:: 2.0
    """

    def paginate(self, page: int = 1, per_page: int = 20, default: Any = MISSING) -> Any:
        """Return a page of the list, which is there already: no query follows; see `ModelQuery.paginate`."""
        if not is_there(page, page_count(len(self), per_page)):
            if default is not MISSING:
                return default
            page = max(page, 1)
        start = (page - 1) * per_page
        return Pagination(
            self[start : start + per_page],
            page=page,
            per_page=per_page,
            total=len(self),
            turn=lambda number: self.paginate(number, per_page),
        )


class ModelQuery(Query[T]):
    """SQLAlchemy's `Query`, with pages.

    .. versionadded:: 2.0
    """

    def all(self) -> Rows[T]:
        """Return all that is found, as a list that has pages, too."""
        return Rows(super().all())

    def paginate(self, page: int = 1, per_page: int = 20, default: Any = MISSING) -> Any:
        """Return a `Pagination`: the items of one page, fetched by ``LIMIT``, and how many there are in all.

        The first page is there even if nothing is found. Give the query an order, or the pages overlap.

        Args:
            page: Its number, from 1.
            per_page: How many items it has at most.
            default: What to return if there is no such page; without it, that is an empty page (the first one for
                a number below 1).

        Raises:
            ArgumentError: *per_page* is less than 1.
        """
        total = self.enable_assertions(False).order_by(None).count()
        pages = page_count(total, per_page)
        if not is_there(page, pages):
            if default is not MISSING:
                return default
            page = max(page, 1)
        # NOTE: an offset beyond the end may be one beyond what the database takes for a number.
        items = self.limit(per_page).offset((page - 1) * per_page).all() if is_there(page, pages) else []
        return Pagination(
            items, page=page, per_page=per_page, total=total, turn=lambda number: self.paginate(number, per_page)
        )
