"""What is asked of every framework on a database, and what has to be answered."""

from __future__ import annotations

import html
import json

from harness.cases import LoadCase, Numbered, get, json_value
from peers.site import ANSWER

from dbpeers import site


def row(number: bytes) -> bytes:
    """Return the answer to ``/row/NUMBER``."""
    return _dumps(_row(site.row_ids(int(number))[0]))


def row_compact(number: bytes) -> bytes:
    """Return it in the spelling without spaces."""
    return _compact(row(number))


def rows(number: bytes) -> bytes:
    """Return the answer to ``/rows/NUMBER``."""
    return _dumps({"rows": [_row(each) for each in site.row_ids(int(number), site.TWENTY)]})


def rows_compact(number: bytes) -> bytes:
    """Return it in the spelling without spaces."""
    return _compact(rows(number))


def _row(row_id: int) -> dict[str, int]:
    return {"id": row_id, "number": site.number_of(row_id)}


def _dumps(value: object) -> bytes:
    return json.dumps(value).encode()


def _compact(spelled: bytes) -> bytes:
    return spelled.replace(b" ", b"")


def fortunes_body() -> str:
    """Return the page that every template engine has to make."""
    found = [*enumerate(site.FORTUNES, 1), (0, site.added("\0"))]
    found.sort(key=lambda fortune: fortune[1])
    lines = (f"<tr><td>{number}</td><td>{html.escape(message)}</td></tr>" for number, message in found)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><title>Fortunes</title></head>\n'
        f"<body><table><tr><th>id</th><th>message</th></tr>{''.join(lines)}</table></body></html>"
    )


_JSON = "application/json"

_PLAIN = LoadCase("json", "JSON, without a query", request=get("/json"), **json_value(ANSWER))

CASES = (
    _PLAIN,
    LoadCase("row", "One query", request=get("/row/\0"), answers=(row, row_compact), content_type=_JSON, base=_PLAIN),
    LoadCase(
        "rows", "Twenty queries", request=get("/rows/\0"), answers=(rows, rows_compact), content_type=_JSON, base=_PLAIN
    ),
    LoadCase(
        "fortunes",
        "Fortunes",
        request=get("/fortunes/\0"),
        answers=(Numbered(fortunes_body().encode()),),
        content_type="text/html",
        base=_PLAIN,
    ),
)
