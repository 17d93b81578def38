"""The rows that a query has brought: iterable once, as web.py's are.

Made by `tornadopy.db.basedb.database`; all rows are here already, no connection is held.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any

from tornadopy.utils.storage import Storage

__all__ = ["ResultSet"]


class ResultSet(Iterator[Storage]):
    """Rows, each a `Storage`: ``row.name`` and ``row["name"]``.

    They can be gone through once; an index reaches forwards from there. ``len()`` is the number of all rows, and a
    result without rows is false.

    Args:
        columns: The names of the columns; of two that are the same, the last counts.
        rows: Their values.

    .. versionadded:: 2.0
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self._columns, self._rows = columns, rows
        self._next = 0

    def __iter__(self) -> ResultSet:
        return self

    def __next__(self) -> Storage:
        if self._next >= len(self._rows):
            raise StopIteration
        self._next += 1
        return Storage(zip(self._columns, self._rows[self._next - 1], strict=True))

    def __getitem__(self, index: int) -> Storage:
        if not isinstance(index, int):
            raise TypeError(f"rows are counted by int, not by {type(index).__name__}; list() takes slices")
        if index < self._next:
            raise IndexError(f"row {index} has been passed; list() keeps all rows")
        if index >= len(self._rows):
            raise IndexError(f"there is no row {index}; the result has {len(self._rows)}")
        self._next = index
        return next(self)

    def __len__(self) -> int:
        return len(self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def first(self, default: Any = None) -> Any:
        """Return the next row, *default* if there is none."""
        return next(self, default)

    def list(self) -> builtins.list[Storage]:
        """Return the rows that are left."""
        return builtins.list(self)

    def __repr__(self) -> str:
        return f"<ResultSet: {len(self._rows)} rows of {', '.join(self._columns)}>"
