"""FastAPI with SQLAlchemy's asynchronous sessions, one for each request by a dependency with ``yield``."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.templating import Jinja2Templates
from peers import site as plain
from peers.peer import Peer, uvicorn
from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from dbpeers import site

DRIVER = "BENCH_DRIVER"
TEMPLATES = Jinja2Templates(directory=site.TEMPLATES)

new_session = async_sessionmaker(expire_on_commit=False)


class Base(DeclarativeBase):
    """The base of the models."""


class Row(Base):
    __tablename__ = "rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]

    def as_dict(self) -> dict[str, int]:
        """Return what is answered."""
        return {"id": self.id, "number": self.number}


class Fortune(Base):
    __tablename__ = "fortunes"

    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str] = mapped_column(String(200))


async def session_of_request() -> AsyncIterator[AsyncSession]:
    """Give the session of a request."""
    async with new_session() as session:
        yield session


SessionOfRequest = Annotated[AsyncSession, Depends(session_of_request)]


async def json() -> dict[str, Any]:
    return plain.ANSWER


async def get_row(seed: int, session: SessionOfRequest) -> dict[str, int]:
    return (await session.get_one(Row, site.row_ids(seed)[0])).as_dict()


async def get_rows(seed: int, session: SessionOfRequest) -> dict[str, list[dict[str, int]]]:
    rows = [await session.get_one(Row, each) for each in site.row_ids(seed, site.TWENTY)]
    return {"rows": [row.as_dict() for row in rows]}


async def get_fortunes(request: Request, seed: str, session: SessionOfRequest) -> Any:
    found = [*await session.scalars(select(Fortune)), Fortune(id=0, message=site.added(seed))]
    found.sort(key=lambda fortune: fortune.message)
    return TEMPLATES.TemplateResponse(request, "fortunes.html", {"fortunes": found})


def build() -> FastAPI:
    """Return the application."""
    url = site.Address.from_environment().url(os.environ[DRIVER])
    new_session.configure(bind=create_async_engine(url, pool_size=site.POOL, max_overflow=0))
    app = FastAPI()
    app.get("/json")(json)
    app.get("/row/{seed}")(get_row)
    app.get("/rows/{seed}")(get_rows)
    app.get("/fortunes/{seed}")(get_fortunes)
    return app


def peer(name: str, title: str, driver: str) -> Peer:
    """Return a row."""
    return Peer(
        name=name,
        title=title,
        server="uvicorn[standard] (uvloop, httptools)",
        json="Pydantic",
        templates="Jinja2",
        distributions=("fastapi", "pydantic", "uvicorn", "sqlalchemy", driver),
        command=uvicorn("dbpeers.fastapi:build"),
        environment={DRIVER: driver},
        notes="A session for each request by a dependency; SQLAlchemy's defaults, so no pings.",
    )


PEERS = (peer("fastapi", "FastAPI, psycopg", "psycopg"), peer("fastapi-asyncpg", "FastAPI, asyncpg", "asyncpg"))
