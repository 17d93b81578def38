"""The frameworks that are measured, a module each; `ROWS` says which module has which rows of the tables.

A module is imported when one of its rows is asked for, so that the others need not be installed.
"""

from __future__ import annotations

import importlib

from peers.peer import Peer

ROWS: dict[str, str] = {
    "tornadopy": "peers.tornadopy",
    "tornadopy-orjson": "peers.tornadopy",
    "tornadopy-tornado-server": "peers.tornadopy",
    "tornado": "peers.tornado",
    "starlette": "peers.starlette",
    "fastapi": "peers.fastapi",
    "litestar": "peers.litestar",
    "sanic": "peers.sanic",
    "aiohttp": "peers.aiohttp",
    "blacksheep": "peers.blacksheep",
    "blacksheep-granian": "peers.blacksheep",
    "falcon": "peers.falcon",
    "falcon-wsgi": "peers.falcon_wsgi",
    "django": "peers.django",
    "django-asgi": "peers.django_asgi",
}


def load(name: str) -> Peer:
    """Return the peer of the row *name*."""
    rows: dict[str, Peer] = {each.name: each for each in importlib.import_module(ROWS[name]).PEERS}
    return rows[name]
