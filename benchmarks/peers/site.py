"""What every framework serves: the same values at the same addresses. The cases ask for exactly this.

| request | answer |
|---|---|
| `GET /json` | `ANSWER` as JSON |
| `GET /text` | `TEXT` |
| `GET /headers` | the request's `Referer` |
| `GET /query?page=N` | `page N` |
| `GET /item/N` | `item N` |
| `POST /order`, JSON with `id` and `items` | `{"id": …, "count": …}` |
| `POST /upload` | how many bytes came, and the last eight |
| `GET /page?number=N` | the template `page.html` with `page(N)` |
| `GET /static/site.css` | the file |
| `GET /tally` | what the middlewares have counted |
| WebSocket `/socket` | each text message again |

A site of many routes has these in their place, half of them with an argument, and the one that is measured is the last:
`/page0`, `/shop1/NAME`, `/page2`, …, `/last/N`, which answers `item N`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"

ANSWER = {"message": "Hello, World!", "numbers": [1, 2, 3], "nested": {"key": "value"}}
TEXT = "Hello, World!"
ITEMS = [{"name": f"Teapot <no. {number}>", "price": 10 + number} for number in range(20)]
STATIC_FILE = "site.css"

_PREFIX = "BENCH_"


@dataclass(frozen=True)
class Site:
    """One of the sites.

    Attributes:
        folder: A folder of its own: ``static`` below it has the file, logs go there.
        routes: How many routes; 0 is the site of the table above.
        middlewares: Three small ones are on.
        access_log: The framework's own is on.
    """

    folder: Path
    routes: int = 0
    middlewares: bool = False
    access_log: bool = False

    @property
    def static(self) -> Path:
        """The folder of the static file."""
        return self.folder / "static"

    def environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` makes the site."""
        return {
            f"{_PREFIX}FOLDER": str(self.folder),
            f"{_PREFIX}ROUTES": str(self.routes),
            f"{_PREFIX}MIDDLEWARES": str(int(self.middlewares)),
            f"{_PREFIX}ACCESS_LOG": str(int(self.access_log)),
        }

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Site:
        """Return the site that this process is to serve."""
        return cls(
            folder=Path(variables[f"{_PREFIX}FOLDER"]),
            routes=int(variables[f"{_PREFIX}ROUTES"]),
            middlewares=variables[f"{_PREFIX}MIDDLEWARES"] == "1",
            access_log=variables[f"{_PREFIX}ACCESS_LOG"] == "1",
        )

    def fillers(self) -> list[tuple[str, bool]]:
        """Return what stands before the last route of many: the first segment, and whether an argument follows."""
        return [
            (f"shop{number}" if number % 2 else f"page{number}", bool(number % 2)) for number in range(self.routes - 1)
        ]


def page(number: str) -> dict[str, Any]:
    """Return what the template gets."""
    return {"number": number, "items": ITEMS}


def order(body: Any) -> dict[str, Any]:
    """Return the answer to a decoded order."""
    return {"id": body["id"], "count": len(body["items"])}


def receipt(body: bytes) -> str:
    """Return the answer to an upload."""
    return f"{len(body)} {body[-8:].decode()}"


class Tally:
    """What three small middlewares do, besides being called: one sets a header, one counts, one times."""

    header = ("X-Frame-Options", "DENY")

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.seconds = 0.0

    def report(self) -> dict[str, Any]:
        """Return the counts; this request is among those that have begun."""
        return {"begun": self.begun, "ended": self.ended, "timed": self.seconds > 0}

    def add_time(self, since: float) -> None:
        """Add the time from *since* on."""
        self.seconds += time.perf_counter() - since


TALLY = Tally()
