"""A page of what a query finds, and the numbers that its links need.

Made by the queries of `tornadopy.db.query` and by `tornadopy.db.dbalchemy.paginate`; knows numbers and items alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from tornadopy.exceptions import ArgumentError

__all__ = ["MISSING", "Pagination", "page_count"]

T = TypeVar("T")

MISSING: Final = object()
"""No default was given."""


class Pagination(Generic[T]):
    """One page.

    Args:
        items: What is on the page.
        page: Its number, from 1.
        per_page: How many items a page has at most.
        total: How many items there are on all pages.
        turn: Fetches the page of another number; its result is what `next` and `prev` return.

    Attributes:
        items, page, per_page, total: The arguments.

    .. versionadded:: 2.0
    """

    def __init__(self, items: Sequence[T], *, page: int, per_page: int, total: int, turn: Callable[[int], Any]) -> None:
        self.items = list(items)
        self.page = page
        self.per_page = per_page
        self.total = total
        self._turn = turn

    @property
    def pages(self) -> int:
        """The number of pages; 0 if there is nothing."""
        return page_count(self.total, self.per_page)

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one."""
        return self.page < self.pages

    @property
    def has_prev(self) -> bool:
        """Whether there is a page before this one."""
        return self.page > 1

    @property
    def next_num(self) -> int | None:
        """The number of the next page; None on the last one."""
        return self.page + 1 if self.has_next else None

    @property
    def prev_num(self) -> int | None:
        """The number of the page before; None on the first one."""
        return self.page - 1 if self.has_prev else None

    def next(self) -> Pagination[T] | Awaitable[Pagination[T]]:
        """Return the next page, empty after the last one; of an asynchronous query, something to await."""
        found: Pagination[T] | Awaitable[Pagination[T]] = self._turn(self.page + 1)
        return found

    def prev(self) -> Pagination[T] | Awaitable[Pagination[T]]:
        """Return the page before, or the first one; of an asynchronous query, something to await."""
        found: Pagination[T] | Awaitable[Pagination[T]] = self._turn(max(self.page - 1, 1))
        return found

    def iter_pages(
        self, *, left_edge: int = 2, left_current: int = 2, right_current: int = 4, right_edge: int = 2
    ) -> Iterator[int | None]:
        """Yield the numbers for a row of links, with None where some are left out.

        Args:
            left_edge: How many of the first pages there are.
            left_current: How many there are before the current one.
            right_current: How many there are after the current one.
            right_edge: How many of the last pages there are.
        """
        current = range(self.page - left_current, self.page + right_current + 1)
        edges = (*range(1, left_edge + 1), *range(self.pages - right_edge + 1, self.pages + 1))
        last = 0
        for number in sorted({each for each in (*edges, *current) if 1 <= each <= self.pages}):
            if number != last + 1:
                yield None
            yield number
            last = number

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"<Pagination: page {self.page} of {self.pages}, {self.total} items>"


def page_count(total: int, per_page: int) -> int:
    """Return how many pages *total* items fill.

    Raises:
        ArgumentError: *per_page* is less than 1.
    """
    if per_page < 1:
        raise ArgumentError(f"paginate: per_page must be at least 1, got {per_page}")
    return -(-total // per_page)


def is_there(page: int, pages: int) -> bool:
    """Whether there is a page of this number; the first one is there even if it is empty."""
    return 1 <= page <= max(pages, 1)
