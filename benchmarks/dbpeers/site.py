"""What every framework serves, and the rows that it finds in the database.

| request | answer |
|---|---|
| `GET /json` | `peers.site.ANSWER` as JSON, without a query |
| `GET /row/SEED` | the row that `row_ids` names, as JSON |
| `GET /rows/SEED` | 20 such rows, fetched one after the other, as JSON |
| `GET /fortunes/SEED` | a page of all fortunes and `added`, sorted by message, escaped |

The rows are random for the database, and yet each answer can be compared byte by byte: the client chooses the seed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"

ROWS = 10_000
TWENTY = 20
POOL = 4
"""Connections that each framework may have, and threads where it uses threads."""

FORTUNES = (
    "A bird in the cache is worth two in the bush.",
    "An index nobody uses still has to be written.",
    "<script>alert(1);</script>",
    "Bits & pieces: 3 > 2, and 2 < 3.",
    "Every join is a meeting of strangers.",
    "He who commits early sleeps early.",
    "Nothing lasts as long as a temporary table.",
    "Some day your prints will come.",
    "The lock you do not take is the fastest one.",
    "There is no row like home.",
    "Two connections were waiting for each other. They still are.",
    "フレームワークのベンチマーク",
)

_PREFIX = "BENCH_DATABASE_"


def number_of(row_id: int) -> int:
    """Return what the row *row_id* holds."""
    return row_id * 7_919 % 10_007


def row_ids(seed: int, count: int = 1) -> list[int]:
    """Return the ids of *count* different rows: neighbouring seeds name rows far apart."""
    return [(seed * 7_919 + index * 6_101) % ROWS + 1 for index in range(count)]


def added(seed: str) -> str:
    """Return the message that is added to the fortunes of the database."""
    return f"Fortune <{seed}> is added at run time."


@dataclass(frozen=True)
class Address:
    """Where the database is."""

    host: str
    port: int
    user: str
    password: str
    database: str

    def environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` makes the address."""
        return {f"{_PREFIX}{name.upper()}": str(value) for name, value in vars(self).items()}

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Address:
        """Return the address of the database of this process."""
        names = ("host", "user", "password", "database")
        return cls(port=int(variables[f"{_PREFIX}PORT"]), **{each: variables[_PREFIX + each.upper()] for each in names})

    def url(self, driver: str) -> str:
        """Return it as SQLAlchemy's URL."""
        return f"postgresql+{driver}://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"
