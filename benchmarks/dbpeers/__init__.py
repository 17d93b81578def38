"""The frameworks on a database, a module each; `ROWS` has the rows of the tables. `site` is what all of them serve.

A module is imported when one of its rows is asked for, so that the others need not be installed.
"""

from __future__ import annotations

import importlib

from peers.peer import Peer

ROWS: dict[str, str] = {
    "tornadopy": "dbpeers.tornadopy",
    "tornadopy-asyncpg": "dbpeers.tornadopy",
    "tornadopy-loop": "dbpeers.tornadopy",
    "tornadopy-threads": "dbpeers.tornadopy",
    "fastapi": "dbpeers.fastapi",
    "fastapi-asyncpg": "dbpeers.fastapi",
    "django": "dbpeers.django",
    "django-asgi": "dbpeers.django",
}


def load(name: str) -> Peer:
    """Return the peer of the row *name*."""
    rows: dict[str, Peer] = {each.name: each for each in importlib.import_module(ROWS[name]).PEERS}
    return rows[name]
